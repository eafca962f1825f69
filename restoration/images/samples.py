"""From the samples of a file to a picture: all of them, shrunk, or a part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from restoration.arrays import FloatArray
from restoration.errors import UnsupportedImage
from restoration.images.picture import BitDepth, Picture
from restoration.images.shrink import average_areas, size_within

_STRIP_PIXELS = 1_000_000
_BAND_PX = 256


@dataclass(frozen=True)
class Samples:
    """What a decoder gives, and what is still to be done to it.

    Args:
        values: shape (H, W) or (H, W, 1|2|3|4), bool, uint8, uint16, or floats in [0, 1].
        orientation: EXIF orientation, 1 to 8, that is not applied yet.
        white: the value in [0, 1] of white, and of full opacity.
        is_premultiplied: the colours are multiplied by their alpha.
    """

    values: npt.NDArray[Any]
    orientation: int = 1
    white: float = 1.0
    is_premultiplied: bool = False


def to_picture(samples: Samples) -> Picture:
    """Return all samples as a picture that is not turned yet.

    Raises:
        UnsupportedImage: as `from_array`.
    """
    picture = from_array(samples.values)
    if samples.white != 1:
        picture = _with_full_range(picture, white=samples.white)
    return _divided(picture) if samples.is_premultiplied and picture.alpha is not None else picture


def to_small_picture(samples: Samples, *, max_side_px: int) -> Picture:
    """Return the picture with its longer side at most `max_side_px`; only strips of it are ever floats in full size.

    Raises:
        UnsupportedImage: as `from_array`.
    """
    height, width = samples.values.shape[:2]
    small_width, small_height = size_within(width, height, max_side_px=max_side_px)
    if (small_width, small_height) == (width, height):
        return to_picture(samples)
    strips = [_narrowed(to_picture(strip), width=small_width) for strip in _strips(samples)]
    alphas = [strip.alpha for strip in strips if strip.alpha is not None]
    pixels = np.concatenate([strip.pixels for strip in strips])
    narrow = strips[0].with_pixels(pixels, alpha=np.concatenate(alphas) if alphas else None)
    return average_areas(narrow, width=small_width, height=small_height)


def _strips(samples: Samples) -> Iterator[Samples]:
    height, width = samples.values.shape[:2]
    rows = max(1, _STRIP_PIXELS // width)
    return (replace(samples, values=samples.values[top : top + rows]) for top in range(0, height, rows))


def _narrowed(picture: Picture, *, width: int) -> Picture:
    return average_areas(picture, width=width, height=picture.height)


def to_measured_part(samples: Samples, *, most_pixels: int) -> Picture:
    """Return a picture that tells of noise and compression what the whole does, with at most so many pixels.

    Of a larger one that is bands of rows, evenly spread and put together; the 8x8 grid goes on from band to band.

    Raises:
        UnsupportedImage: as `from_array`.
    """
    height, width = samples.values.shape[:2]
    count = most_pixels // (_BAND_PX * width)
    if height * width <= most_pixels or count < 1:
        return to_picture(samples)
    tops = np.linspace(0, height - _BAND_PX, count).astype(int) // 8 * 8
    bands = np.concatenate([samples.values[top : top + _BAND_PX] for top in tops])
    return to_picture(replace(samples, values=bands))


def from_array(samples: npt.NDArray[Any]) -> Picture:
    """Return a picture of samples as `Samples.values` describes them.

    Raises:
        UnsupportedImage: of another shape or type, or floats outside [0, 1].
    """
    check_shape(samples)
    planes = samples[..., None] if samples.ndim == 2 else samples
    bit_depth: BitDepth = 8 if planes.dtype in (np.bool_, np.uint8) else 16
    channels = planes.shape[2]
    if np.issubdtype(planes.dtype, np.floating):
        planes = _checked_floats(planes)
    elif planes.dtype not in (np.bool_, np.uint8, np.uint16):
        raise UnsupportedImage(
            f"Samples must be 8 or 16 bits, or floats in [0, 1], but are {planes.dtype}; save them with 16 bits first."
        )
    alpha = _in_unit_range(planes[..., -1]) if channels in (2, 4) else None
    colours = _in_unit_range(planes[..., :1] if channels < 3 else planes[..., :3])
    pixels = np.repeat(colours, 3, axis=2) if channels < 3 else colours
    return Picture(pixels=pixels, alpha=alpha, bit_depth=bit_depth, is_gray=channels < 3)


def with_clear_level(values: npt.NDArray[Any], level: object) -> npt.NDArray[Any]:
    """Return 16-bit gray samples, (H, W), with an alpha that is 0 where they have that level; None leaves them alone.

    Pillow and OpenCV make alpha of the transparent colour of a PNG file for all other kinds only.
    """
    if not isinstance(level, int):
        return values
    return np.stack([values, np.where(values == level, 0, 65535).astype(np.uint16)], axis=2)


def check_shape(samples: npt.NDArray[Any]) -> None:
    """Check that an array has the shape of a picture.

    Raises:
        UnsupportedImage: it has not.
    """
    if samples.ndim not in (2, 3) or (samples.ndim == 3 and samples.shape[2] not in (1, 2, 3, 4)):
        raise UnsupportedImage(
            f"An array must have the shape (height, width) or (height, width, 1 to 4), but has {samples.shape}."
        )


def _in_unit_range(values: npt.NDArray[Any]) -> FloatArray:
    """Return values divided by the largest of their type, without a copy in between."""
    largest = np.iinfo(values.dtype).max if np.issubdtype(values.dtype, np.integer) else 1
    return np.divide(values, np.float32(largest), dtype=np.float32, order="C")


def _checked_floats(planes: npt.NDArray[Any]) -> FloatArray:
    low, high = float(planes.min()), float(planes.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UnsupportedImage("The picture holds values that are not numbers; remove them first.")
    if low < -1e-3 or high > 1 + 1e-3:
        raise UnsupportedImage(
            f"Float samples must lie in [0, 1], but range from {low:.3g} to {high:.3g}; scale them first."
        )
    return np.clip(planes, 0, 1).astype(np.float32)


def _divided(picture: Picture) -> Picture:
    """Return a picture whose colours had been multiplied by their alpha with the colours themselves."""
    assert picture.alpha is not None
    weight = picture.alpha[..., None]
    colours = np.divide(picture.pixels, weight, out=np.zeros_like(picture.pixels), where=weight > 0)
    return replace(picture, pixels=np.clip(colours, 0, 1))


def _with_full_range(picture: Picture, *, white: float) -> Picture:
    """Return a picture whose white was a little less than 1 with white at 1."""
    largest = np.float32(white)
    alpha = None if picture.alpha is None else np.clip(picture.alpha / largest, 0, 1)
    return replace(picture, pixels=np.clip(picture.pixels / largest, 0, 1), alpha=alpha)
