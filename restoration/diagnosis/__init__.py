"""Measure the damage of a picture: noise level, JPEG quality, salt and pepper."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np

from restoration.arrays import FloatArray
from restoration.diagnosis import speckle
from restoration.diagnosis.compression import quality_of_pixels
from restoration.diagnosis.dots import measure_dots
from restoration.diagnosis.exposure import wanted_brightness
from restoration.diagnosis.findings import Findings
from restoration.diagnosis.frames import find_photo, measured_part
from restoration.diagnosis.gray import is_gray
from restoration.diagnosis.noise import NoiseLevelNetwork, dark_half_noise, features
from restoration.images import Picture, gray_of, gray_pixels
from restoration.types import WeightFile
from restoration.weights import store

__all__ = [
    "Findings",
    "diagnose",
    "find_photo",
    "is_gray",
    "jpeg_quality",
    "measure_dots",
    "noise_level",
    "noise_levels",
    "sample",
    "shadow_noise_level",
    "speckle_level",
    "visible_part",
    "wanted_brightness",
]

_NOISE_LEVEL = WeightFile("noise-level", path="noise-level.safetensors")
_PATCH_PX = 256
_MOST_PATCHES = 16
_LEAST_PX = 8
_VISIBLE_BLOCKS_PX = (64, 32, 16, 8)
_ENOUGH_SHARE = 0.4  # of the visible pixels, in whole blocks; else smaller blocks are tried
_MOST_PIXELS = 4_000_000


def visible_part(picture: Picture) -> Picture:
    """Return what measurements look at: the photo without flat frames and transparency, in gray where it is gray.

    Of a picture with transparency the blocks that are wholly visible stand side by side. They are as large as possible
    and keep their place on the 8x8 grid. A picture without one visible block comes back as it is.
    """
    alpha = picture.alpha
    if alpha is not None and float(alpha.min()) == 0:
        seen = _visible_blocks(picture, alpha)
    else:
        box = measured_part(find_photo(picture.pixels), height=picture.height, width=picture.width)
        is_whole = (box.height, box.width) == picture.pixels.shape[:2]
        seen = picture if is_whole else replace(picture, pixels=picture.pixels[box.slices], alpha=None)
    return replace(seen, pixels=gray_pixels(seen.pixels)) if is_gray(seen.pixels) else seen


def _visible_blocks(picture: Picture, alpha: FloatArray) -> Picture:
    for side in _VISIBLE_BLOCKS_PX:
        rows, columns = alpha.shape[0] // side, alpha.shape[1] // side
        blocks = alpha[: rows * side, : columns * side].reshape(rows, side, columns, side)
        places = np.argwhere(blocks.min(axis=(1, 3)) > 0) * side if rows and columns else np.empty((0, 2), np.int64)
        if len(places) * side**2 >= _ENOUGH_SHARE * np.count_nonzero(alpha) and len(places):
            chosen = places[np.linspace(0, len(places) - 1, min(len(places), _MOST_PIXELS // side**2)).astype(int)]
            cut = [picture.pixels[top : top + side, left : left + side] for top, left in chosen]
            return replace(picture, pixels=np.ascontiguousarray(np.concatenate(cut, axis=1)), alpha=None)
    return picture


def diagnose(picture: Picture) -> Findings:
    """Measure everything.

    Raises:
        WeightsUnavailable: the weights of the noise-level network are missing or damaged.
    """
    seen = visible_part(picture)
    return Findings(
        photo=find_photo(picture.pixels),
        is_gray=is_gray(seen.pixels),
        noise_level=noise_level(seen),
        jpeg_quality=jpeg_quality(seen),
        dots=measure_dots(sample(seen.pixels)),
    )


def noise_level(picture: Picture) -> float:
    """Return the standard deviation of the noise in 0-255 units; 0 for a picture too small to tell.

    Raises:
        WeightsUnavailable: the weights of the noise-level network are missing or damaged.
    """
    return noise_levels(picture)[0]


def noise_levels(picture: Picture) -> tuple[float, float]:
    """Return the noise level, and twice that of the mean over 2x2 pixels, in 0-255 units.

    Of white noise both are equal; of grain wider than a pixel the second is up to twice the first.

    Raises:
        WeightsUnavailable: the weights of the noise-level network are missing or damaged.
    """
    found = features(sample(picture.pixels))
    return (0.0, 0.0) if found is None else _network()(found)


def shadow_noise_level(picture: Picture) -> float:
    """Return the noise of a picture's darker half in 0-255 units, which is what brightening makes visible.

    Where compression has taken the finest detail there, and with it the sign of noise, that of the whole picture.

    Raises:
        WeightsUnavailable: the weights of the noise-level network are missing or damaged.
    """
    level = dark_half_noise(sample(picture.pixels))
    return level if level or not picture.pixels.any() else noise_level(picture)


def speckle_level(picture: Picture) -> float | None:
    """Return the standard deviation at white, in 0-255 units, of signal-proportional noise; None for other noise.

    Raises:
        WeightsUnavailable: the weights of the noise-level network are missing or damaged.
    """
    return speckle.level(sample(picture.pixels), measure_noise_255=lambda: noise_level(picture))


def jpeg_quality(picture: Picture) -> int | None:
    """Return the JPEG quality stored in the file, or a lower one if the pixels show its traces."""
    told, shown = picture.jpeg_quality, quality_of_pixels(gray_of(picture.pixels))
    if told is None or shown is None:
        return told or shown
    return min(told, shown)


@functools.cache
def _network() -> NoiseLevelNetwork:
    from safetensors.numpy import load_file

    return NoiseLevelNetwork.from_tensors(load_file(store.ensure(_NOISE_LEVEL, model="The measure of noise")))


def sample(pixels: FloatArray) -> FloatArray:
    """Return a picture of at most 16 patches of 256x256, evenly spread over a large one; a small one as it is.

    Patches keep their place on the 8x8 grid.
    """
    height, width = pixels.shape[:2]
    if height * width <= _MOST_PATCHES * _PATCH_PX**2:
        return pixels
    rows = min(height // _PATCH_PX, max(1, round((_MOST_PATCHES * height / width) ** 0.5)))
    columns = min(width // _PATCH_PX, _MOST_PATCHES // max(1, rows))
    if rows == 0 or columns == 0:  # a strip: as much of it as of other pictures
        longest = _MOST_PATCHES * _PATCH_PX**2 // min(height, width)
        return pixels[:longest, :longest]
    tops, lefts = _starts(height, rows), _starts(width, columns)
    lines = [np.concatenate([pixels[t : t + _PATCH_PX, s : s + _PATCH_PX] for s in lefts], axis=1) for t in tops]
    return np.concatenate(lines, axis=0)


def _starts(length: int, count: int) -> list[int]:
    return [int(start) // _LEAST_PX * _LEAST_PX for start in np.linspace(0, length - _PATCH_PX, count)]
