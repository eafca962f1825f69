"""From a file, PIL image or array to a `Picture`. Sizes are checked from the header, before anything is decoded."""

from __future__ import annotations

import functools
import io
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from restoration.errors import CorruptImage, InvalidImage, UnsupportedImage
from restoration.images.completing import check_filled
from restoration.images.decoded import Decoded
from restoration.images.high_bit_depth import read_deep
from restoration.images.limits import (
    MAX_PIXELS,
    MAX_PIXELS_TO_FIT,
    MAX_SIDE_PX,
    MAX_SIDE_TO_FIT_PX,
    check_size,
    damaged,
    file_bytes,
)
from restoration.images.metadata import orientation_of
from restoration.images.opening import GRAY_MODES, PictureFile, open_file
from restoration.images.own_range import in_own_range
from restoration.images.picture import Picture
from restoration.images.samples import (
    Samples,
    check_shape,
    from_array,
    with_clear_level,
)
from restoration.images.shrink import size_within
from restoration.images.sizes import check_decoded_size
from restoration.images.tiff_samples import read_by_opencv, read_by_tifffile, route
from restoration.memory import is_out_of_memory

_LARGE_PIXELS = 8_000_000
_MOST_LARGE_DECODES = 2
_STRIP_PIXELS = 1_000_000
_large_decodes = threading.BoundedSemaphore(_MOST_LARGE_DECODES)
_Made = TypeVar("_Made")
ImageSource = Picture | Image.Image | npt.NDArray[Any] | bytes | str | Path


def read(
    source: ImageSource,
    *,
    keep_gps: bool = False,
    max_pixels: int = MAX_PIXELS,
    max_side_px: int = MAX_SIDE_PX,
) -> Picture:
    """Decode a picture; of several frames, the first.

    Args:
        source: path, file bytes, PIL image, array, or a `Picture`, which comes back as it is. Arrays are (H, W) or
            (H, W, 1|2|3|4): gray, gray + alpha, RGB, RGBA; bool, uint8, uint16, or floats in [0, 1].
        keep_gps: keep the GPS part of EXIF and XMP.
        max_pixels: refuse pictures with more.
        max_side_px: refuse pictures with a longer side.

    Raises:
        UnsupportedImage: not a format, mode or array type that we read.
        CorruptImage: a picture file, but empty, damaged or cut off, or one that says two sizes.
        ImageTooLarge: too many pixels or bytes, or too long a side.
        InvalidImage: there is no file at that path.
    """
    if isinstance(source, Picture):
        check_size(source.width, source.height, max_pixels=max_pixels, max_side_px=max_side_px)
        return source
    if isinstance(source, np.ndarray):
        check_shape(source)
        check_size(source.shape[1], source.shape[0], max_pixels=max_pixels, max_side_px=max_side_px)
        return from_array(source)
    if isinstance(source, Image.Image):
        check_size(*source.size, max_pixels=max_pixels, max_side_px=max_side_px)
        decoded = Decoded.of_image(source, _samples_of(source))
        return decoded.picture(keep_gps=keep_gps, max_pixels=max_pixels, max_side_px=max_side_px)
    if not isinstance(source, (bytes, str, Path)):
        raise UnsupportedImage(f"Expected a picture file, a PIL image or an array, but got {type(source).__name__}.")
    make = functools.partial(Decoded.picture, keep_gps=keep_gps, max_pixels=max_pixels, max_side_px=max_side_px)
    return _decode(source, make, max_pixels=max_pixels, max_side_px=max_side_px)


def read_to_show(source: bytes | str | Path, *, max_side_px: int) -> Picture:
    """Decode a picture file, shrunk to `max_side_px` on the longer side, with little memory also for a large one.

    Raises:
        UnsupportedImage, CorruptImage, ImageTooLarge, InvalidImage: as `read`; up to 64 megapixels are read.
    """
    make = functools.partial(Decoded.small, max_side_px=max_side_px)
    return _decode(
        source, make, max_pixels=MAX_PIXELS_TO_FIT, max_side_px=MAX_SIDE_TO_FIT_PX, enough_side_px=max_side_px
    )


def read_to_measure(source: bytes | str | Path) -> Picture:
    """Decode a picture file; of one with more than 25 megapixels, so much that its damage can be measured.

    Raises:
        UnsupportedImage, CorruptImage, ImageTooLarge, InvalidImage: as `read`; up to 64 megapixels are read.
    """
    measured = _decode(source, Decoded.measured_part, max_pixels=MAX_PIXELS_TO_FIT, max_side_px=MAX_SIDE_TO_FIT_PX)
    return in_own_range(measured)


def decode_file(
    source: bytes | str | Path, *, max_pixels: int = MAX_PIXELS_TO_FIT, max_side_px: int = MAX_SIDE_TO_FIT_PX
) -> Decoded:
    """Decode a picture file of which several pictures are to be made.

    Raises:
        UnsupportedImage, CorruptImage, ImageTooLarge, InvalidImage: as `read`.
    """
    return _decode(source, lambda decoded: decoded, max_pixels=max_pixels, max_side_px=max_side_px)


def _decode(
    source: bytes | str | Path,
    make: Callable[[Decoded], _Made],
    *,
    max_pixels: int,
    max_side_px: int,
    enough_side_px: int | None = None,
) -> _Made:
    """Decode a picture file; few large ones at once, so that they fit into memory together.

    Args:
        make: what becomes of it.
        enough_side_px: on the longer side, where less than the whole size is enough; None where it is not.
    """
    with open_file(file_bytes(source)) as file:
        width, height = file.size
        check_size(width, height, max_pixels=max_pixels, max_side_px=max_side_px)
        if file.damage:
            raise CorruptImage(file.damage)
        try:
            with _large_decodes if width * height > _LARGE_PIXELS else nullcontext():
                return make(Decoded.of_file(file, _samples_of_file(file, enough_side_px=enough_side_px)))
        except InvalidImage:
            raise
        except Exception as error:  # Pillow's plugins raise a dozen unrelated types for damaged files
            if is_out_of_memory(error):
                raise
            raise CorruptImage(damaged(file.format)) from error


def _samples_of_file(file: PictureFile, *, enough_side_px: int | None) -> Samples:
    """Decode with the library that reads the file rightly, and check that the size is the one that was checked.

    Raises:
        CorruptImage: it is another.
    """
    said = file.size
    if file.tiff is not None and (library := route(file.tiff.page)) != "pillow":
        samples = read_by_opencv(file.tiff) if library == "opencv" else read_by_tifffile(file.tiff)
    elif file.bits > 8 and file.tiff is None and file.format in ("PNG", "HEIF", "AVIF"):
        samples = read_deep(file)
    else:
        assert file.image is not None
        if enough_side_px is not None and file.image.format != "TIFF":
            file.image.draft(None, size_within(*said, max_side_px=enough_side_px))
            said = file.image.size
        samples = _samples_of(file.image)
        if file.tiff is not None and file.tiff.page.orientation == 1:  # Pillow turns by the page's own entry
            samples = replace(samples, orientation=file.tiff.orientation)
    height, width = samples.values.shape[:2]
    check_decoded_size(file.format, said, (width, height))
    if file.lacks_end and file.format == "JPEG":
        check_filled(samples.values)
    return samples


def _samples_of(image: Image.Image) -> Samples:
    """Return what Pillow decodes."""
    image.load()
    orientation = orientation_of(image)
    if image.mode == "CMYK":
        image = _cmyk_to_srgb(image)
    is_gray = image.mode in GRAY_MODES or _has_gray_palette(image)
    if image.mode not in ("L", "LA", "RGB", "RGBA", "I;16"):
        image = _in_plain_mode(image, is_gray=is_gray)
    elif "transparency" in image.info and image.mode in ("L", "RGB"):
        image = _with_info(image.convert("RGBA"), image)
        image = _with_info(image.convert("LA"), image) if is_gray else image
    values = _array_of(image)
    if image.mode == "I;16":
        values = with_clear_level(values, image.info.get("transparency"))
    return Samples(values=values, orientation=orientation)


def _array_of(image: Image.Image) -> npt.NDArray[Any]:
    """Return the samples of an image, copied strip by strip: Pillow makes two more copies of what it hands over."""
    corner = np.asarray(image.crop((0, 0, 1, 1)))
    values = np.empty((image.height, image.width, *corner.shape[2:]), corner.dtype)
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        values[top : top + rows] = np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))
    return values


def _in_plain_mode(image: Image.Image, *, is_gray: bool) -> Image.Image:
    """Convert palettes, 1-bit, premultiplied and other colour spaces to L, LA, RGB, RGBA or I;16."""
    if image.mode.startswith("I;16"):
        return _with_info(image.convert("I;16"), image)
    if image.mode in ("I", "F"):
        raise UnsupportedImage(f"Pictures with 32-bit samples (mode {image.mode}) are not read; save it with 16 bits.")
    has_alpha = image.has_transparency_data
    target = ("LA" if has_alpha else "L") if is_gray else ("RGBA" if has_alpha else "RGB")
    if image.mode in ("P", "PA", "La", "RGBa") and has_alpha:
        image = _with_info(image.convert("LA" if image.mode == "La" else "RGBA"), image)
    return _with_info(image.convert(target), image)


def _with_info(converted: Image.Image, original: Image.Image) -> Image.Image:
    """Carry EXIF and ICC over a mode conversion; the transparency entry is spent by it."""
    converted.info = {key: value for key, value in original.info.items() if key != "transparency"}
    return converted


def _has_gray_palette(image: Image.Image) -> bool:
    if image.mode != "P" or image.palette is None:
        return False
    palette = np.asarray(image.convert("RGB"))
    return bool((palette[..., 0] == palette[..., 1]).all() and (palette[..., 1] == palette[..., 2]).all())


def _cmyk_to_srgb(image: Image.Image) -> Image.Image:
    """Convert through the embedded profile where it is usable, else by Pillow's formula; the profile is spent by it."""
    info = {key: value for key, value in image.info.items() if key != "icc_profile"}
    profile = image.info.get("icc_profile")
    converted: Image.Image | None = None
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):  # a broken profile says nothing; the formula is the common fallback
            converted = None
    converted = image.convert("RGB") if converted is None else converted
    converted.info = info
    return converted
