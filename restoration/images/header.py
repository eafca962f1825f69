"""What a picture file says of itself before it is decoded, and which files are refused for it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pillow_heif
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from restoration.errors import CorruptImage, ImageTooLarge, InvalidImage, UnsupportedImage
from restoration.images.frames import count_frames
from restoration.images.gif import check_gif
from restoration.images.jpeg import check_scans
from restoration.images.metadata import orientation_of
from restoration.images.picture import BitDepth
from restoration.memory import is_out_of_memory

MAX_PIXELS = 25_000_000
MAX_PIXELS_TO_FIT = 64_000_000
"""Of a picture that is only looked at, or shrunk before anything else is done."""
MAX_SIDE_PX = 16_384
MAX_FILE_BYTES = 64 * 1024 * 1024

_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "HEIF", "AVIF")
_READABLE = "PNG, JPEG, WebP, TIFF, BMP, GIF, HEIC or AVIF"
_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"II*\x00", b"MM\x00*", b"BM", b"GIF8")
PngImagePlugin.MAX_TEXT_CHUNK = 2**24  # of a colour profile, too: with the 1 MiB of Pillow large ones are "damaged"
GRAY_MODES = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")


@dataclass(frozen=True)
class ImageHeader:
    """What a file says of itself before it is decoded; the size is that of the upright picture.

    Args:
        frames: how many pictures it holds; 1000 may be more, as counting ends there.
    """

    width: int
    height: int
    format: str
    bit_depth: BitDepth
    is_gray: bool
    has_alpha: bool
    frames: int


def probe(source: bytes | str | Path) -> ImageHeader:
    """Read only the header of a picture file.

    Raises:
        UnsupportedImage, CorruptImage, ImageTooLarge, InvalidImage: as `read`, except for damage behind the header.
    """
    data = file_bytes(source)
    with open_image(data) as image:
        try:
            width, height = image.size
            if image.format != "TIFF" and orientation_of(image) in (5, 6, 7, 8):  # Pillow turns TIFF files itself
                width, height = height, width
            return ImageHeader(
                width=width,
                height=height,
                format=format_name(image),
                bit_depth=16 if bits_per_channel(image, data) > 8 else 8,
                is_gray=has_gray_samples(image, data),
                has_alpha=image.has_transparency_data,
                frames=count_frames(image, data),
            )
        except Exception as error:  # as in `read`
            if is_out_of_memory(error):
                raise
            raise CorruptImage(damaged(image.format or "picture")) from error


def file_bytes(source: bytes | str | Path) -> bytes:
    """Return the bytes of a file, refusing absent, empty and huge ones."""
    if isinstance(source, bytes):
        data = source
    else:
        path = Path(source)
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise _too_many_bytes(path.stat().st_size)
            data = path.read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            raise InvalidImage(f'The file "{path.name}" cannot be read; check that it exists and is a file.') from error
    if not data:
        raise CorruptImage("The file is empty; upload it again.")
    if len(data) > MAX_FILE_BYTES:
        raise _too_many_bytes(len(data))
    return data


def _too_many_bytes(size: int) -> ImageTooLarge:
    limit = MAX_FILE_BYTES // 1024**2
    return ImageTooLarge(
        f"A file may have at most {limit} MB but this one has {size / 1024**2:.0f} MB; save it smaller first.",
        limit=MAX_FILE_BYTES,
    )


def open_image(data: bytes) -> Image.Image:
    """Open the bytes of a picture file, of which nothing is decoded yet.

    Raises:
        UnsupportedImage, CorruptImage, ImageTooLarge: as `probe`.
    """
    Image.init()  # with a list of formats, Pillow does not load the plugins of the rarer ones by itself
    pillow_heif.register_heif_opener()  # only adds entries to the tables of Pillow; again changes nothing
    check_scans(data)
    check_gif(data)
    try:
        return Image.open(io.BytesIO(data), formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        message = (
            f"A picture may have at most {MAX_PIXELS / 1e6:.0f} megapixels but this one has far more; shrink it first."
        )
        raise ImageTooLarge(message, limit=MAX_PIXELS) from error
    except UnidentifiedImageError as error:
        if data.startswith((b"II*\x00", b"MM\x00*")):
            message = "The TIFF file is damaged, or of a kind that is not read; save it anew, or as PNG."
            raise CorruptImage(message) from error
        if data.startswith(_SIGNATURES) or data[4:8] == b"ftyp":
            raise CorruptImage(damaged("picture")) from error
        raise UnsupportedImage(f"The file is not a picture that can be read; use {_READABLE}.") from error
    except Exception as error:  # as in `read`
        if is_out_of_memory(error):
            raise
        raise CorruptImage(damaged("picture")) from error


def format_name(image: Image.Image) -> str:
    """Return Pillow's name of a file's format; several JPEG pictures in one file are JPEG, too."""
    return "JPEG" if image.format == "MPO" else image.format or ""


def damaged(name: str) -> str:
    """Return the message about a file of that format that cannot be decoded."""
    return f"The {name} file is damaged or cut off; upload it again or save it anew."


def check_size(width: int, height: int, *, max_pixels: int) -> None:
    """Check that a picture has pixels, and not too many.

    Raises:
        CorruptImage: it has none.
        ImageTooLarge: more than `max_pixels`, or a side above 16384 px.
    """
    if width < 1 or height < 1:
        raise CorruptImage("The picture has no pixels; upload another one.")
    if max(width, height) > MAX_SIDE_PX:
        raise ImageTooLarge(
            f"A side may have at most {MAX_SIDE_PX} px but the picture has {width}x{height} px; shrink it first.",
            limit=MAX_SIDE_PX,
        )
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"A picture may have at most {max_pixels / 1e6:g} megapixels but this one has {width}x{height} px "
            f"({width * height / 1e6:.6g} megapixels); shrink it first.",
            limit=max_pixels,
        )


def bits_per_channel(image: Image.Image, data: bytes) -> int:
    """Return what the file declares; Pillow's mode does not tell, it has no 16-bit colour."""
    if image.format == "PNG":
        return data[24]
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, (1,))  # type: ignore[attr-defined]
        return max(bits) if isinstance(bits, tuple) else int(bits)
    if image.format in ("HEIF", "AVIF"):
        return int(image.info.get("bit_depth", 8))
    return 16 if image.mode.startswith("I") or image.mode == "F" else 8


def has_gray_samples(image: Image.Image, data: bytes) -> bool:
    """Tell whether a file holds gray samples; 16-bit gray with alpha has no mode of its own in Pillow."""
    return data[25] in (0, 4) if image.format == "PNG" else image.mode in GRAY_MODES
