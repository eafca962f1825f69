"""A picture file, opened and checked, of which nothing is decoded yet."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pillow_heif
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from restoration.errors import CorruptImage, ImageTooLarge, InvalidImage, UnsupportedImage
from restoration.images import completing, isobmff
from restoration.images.frames import count_frames, seek_picture
from restoration.images.gif import check_gif
from restoration.images.jpeg import check_jpeg
from restoration.images.limits import MAX_PIXELS, damaged
from restoration.images.metadata import orientation_of
from restoration.images.png import check_png
from restoration.images.tiff import TiffFile, is_tiff, read_tiff
from restoration.images.tiff_samples import alpha_channel, colour_channels, note_on_channels, route
from restoration.images.webp import check_webp
from restoration.memory import is_out_of_memory

_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "HEIF", "AVIF")
_READABLE = "PNG, JPEG, WebP, TIFF, BMP, GIF, HEIC or AVIF"
_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"BM", b"GIF8")
PngImagePlugin.MAX_TEXT_CHUNK = 2**24  # of a colour profile, too: with the 1 MiB of Pillow large ones are "damaged"
GRAY_MODES = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")


@dataclass(frozen=True)
class PictureFile:
    """A file as decoders are to read it.

    Args:
        image: what Pillow makes of it; None for the TIFF files that other libraries decode.
        tiff: of a TIFF file.
        lacks_end: its last bytes were missing and stand for nothing.
        damage: why it cannot be decoded, where that is known already; its header can be read nevertheless.
        notes: what the user should know of how it is read.
    """

    data: bytes
    image: Image.Image | None
    tiff: TiffFile | None = None
    lacks_end: bool = False
    damage: str = ""
    notes: tuple[str, ...] = ()

    @property
    def format(self) -> str:
        return "TIFF" if self.tiff is not None else format_name(self.image)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as stored; the size that checks go by."""
        if self.tiff is not None:
            return self.tiff.page.size
        assert self.image is not None
        return self.image.size

    @property
    def orientation(self) -> int:
        return self.tiff.orientation if self.tiff is not None else orientation_of(self.image)

    @property
    def upright_size(self) -> tuple[int, int]:
        width, height = self.size
        return (height, width) if self.orientation in (5, 6, 7, 8) else (width, height)

    @property
    def bits(self) -> int:
        """Bits per channel as declared; Pillow's mode does not tell, it has no 16-bit colour."""
        if self.tiff is not None:
            return self.tiff.page.bits
        assert self.image is not None
        if self.image.format == "PNG":
            return self.data[24]
        if self.image.format == "AVIF":
            return isobmff.bits_of_avif(self.data)
        if self.image.format == "HEIF":
            return int(self.image.info.get("bit_depth", 8))
        return 16 if self.image.mode.startswith("I") or self.image.mode == "F" else 8

    @property
    def is_gray(self) -> bool:
        """Whether it holds gray samples; 16-bit gray with alpha has no mode of its own in Pillow."""
        if self.tiff is not None:
            return colour_channels(self.tiff.page) == 1 and self.tiff.page.photometric in (0, 1)
        assert self.image is not None
        return self.data[25] in (0, 4) if self.image.format == "PNG" else self.image.mode in GRAY_MODES

    @property
    def has_alpha(self) -> bool:
        if self.tiff is not None:
            return alpha_channel(self.tiff.page) is not None
        return self.image is not None and self.image.has_transparency_data

    @property
    def frames(self) -> int:
        if self.tiff is not None:
            return self.tiff.frames
        assert self.image is not None
        return count_frames(self.image, self.data)


def format_name(image: Image.Image | None) -> str:
    """Return Pillow's name of a file's format; several JPEG pictures in one file are JPEG, too."""
    name = "" if image is None else image.format or ""
    return "JPEG" if name == "MPO" else name


@contextmanager
def open_file(data: bytes) -> Iterator[PictureFile]:
    """Open the bytes of a picture file, of which nothing is decoded yet.

    Raises:
        UnsupportedImage, CorruptImage, ImageTooLarge: as `read`.
    """
    for check in (check_jpeg, check_gif, check_png, check_webp, isobmff.check_heif):
        check(data)
    if is_tiff(data):
        file = _open_tiff(data)
    else:
        data, lacks_end, damage = _with_end(data)
        notes = (completing.NOTE,) if lacks_end else ()
        file = PictureFile(data, _open_by_pillow(data), lacks_end=lacks_end, damage=damage, notes=notes)
    try:
        if file.image is not None and (note := seek_picture(file.image)):
            file = replace(file, notes=(*file.notes, note))
        yield file
    finally:
        if file.image is not None:
            file.image.close()


def _with_end(data: bytes) -> tuple[bytes, bool, str]:
    """Return a file whose end is there, whether it was missing, and why nothing can stand for it."""
    try:
        whole = completing.completed(data)
    except CorruptImage as error:  # its header may still say that it is too large
        return data, False, str(error)
    return (data, False, "") if whole is None else (whole, True, "")


def _open_tiff(data: bytes) -> PictureFile:
    tiff = read_tiff(data)
    page = tiff.page
    whole = completing.completed_tiff(tiff.data, page)
    if whole is not None:
        tiff = TiffFile(whole, page, tiff.main, tiff.frames, tiff.is_big, tiff.note)
    sentences = (tiff.note, note_on_channels(page), completing.NOTE if whole is not None else "")
    image = _open_by_pillow(tiff.data) if route(page) == "pillow" else None
    notes = tuple(sentence for sentence in sentences if sentence)
    return PictureFile(tiff.data, image, tiff, lacks_end=whole is not None, notes=notes)


def _open_by_pillow(data: bytes) -> Image.Image:
    Image.init()  # with a list of formats, Pillow does not load the plugins of the rarer ones by itself
    pillow_heif.register_heif_opener()  # only adds entries to the tables of Pillow; again changes nothing
    try:
        return Image.open(io.BytesIO(data), formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        message = (
            f"A picture may have at most {MAX_PIXELS / 1e6:.0f} megapixels but this one has far more; shrink it first."
        )
        raise ImageTooLarge(message, limit=MAX_PIXELS) from error
    except UnidentifiedImageError as error:
        if is_tiff(data):
            message = "The TIFF file is damaged, or of a kind that is not read; save it anew, or as PNG."
            raise CorruptImage(message) from error
        if data.startswith(_SIGNATURES) or isobmff.is_isobmff(data):
            raise CorruptImage(damaged("picture")) from error
        raise UnsupportedImage(f"The file is not a picture that can be read; use {_READABLE}.") from error
    except InvalidImage:
        raise
    except Exception as error:  # Pillow's plugins raise a dozen unrelated types for damaged files
        if is_out_of_memory(error):
            raise
        raise CorruptImage(damaged("picture")) from error
