"""What a picture tells of its own damage: how strong its noise is, how hard it was compressed, whether it has dots."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import cv2
import numpy as np

from restoration import weights
from restoration.diagnosis import speckle
from restoration.diagnosis.compression import quality_of_pixels
from restoration.diagnosis.exposure import wanted_brightness
from restoration.diagnosis.noise import NoiseLevelNetwork, dark_half_noise, features
from restoration.errors import ManifestError
from restoration.images import FloatArray, Picture, gray_of
from restoration.manifest import load_manifest
from restoration.types import Task

__all__ = [
    "Diagnosis",
    "diagnose",
    "impulse_share",
    "jpeg_quality",
    "noise_level",
    "noise_levels",
    "shadow_noise_level",
    "speckle_level",
    "visible_part",
    "wanted_brightness",
]

_ROLE = "noise-level"
_PATCH_PX = 256
_MOST_PATCHES = 16
_LEAST_PX = 8
_MANY_IMPULSES = 0.02
_IMPULSE_HEIGHT_255 = 64  # clipped noise reaches black and white too, but not so far
_STRONG_COMPRESSION = 60
_VISIBLE_BLOCKS_PX = (64, 32, 16, 8)
_ENOUGH_SHARE = 0.4  # of the visible pixels, in whole blocks; else smaller blocks are tried
_MOST_PIXELS = 4_000_000
_VISIBLE_NOISE_255, _VISIBLE_COMPRESSION = 4.0, 85


@dataclass(frozen=True)
class Diagnosis:
    """The damage of a picture.

    Args:
        noise_level: standard deviation of the noise, in 0-255 units.
        jpeg_quality: libjpeg quality 1-100 of the strongest compression it went through, or None.
        impulse_share: share of samples that are black or white dots, 0 to 1.
    """

    noise_level: float
    jpeg_quality: int | None
    impulse_share: float

    @property
    def main_task(self) -> Task:
        """What should be done first."""
        if self.impulse_share > _MANY_IMPULSES:
            return Task.SALT_AND_PEPPER
        if self.jpeg_quality is not None and self.jpeg_quality <= _STRONG_COMPRESSION:
            return Task.DEJPEG
        return Task.DENOISE

    @property
    def is_clean(self) -> bool:
        """Tell whether enlarging would show no damage that stays unseen at this size."""
        is_compressed = self.jpeg_quality is not None and self.jpeg_quality <= _VISIBLE_COMPRESSION
        return not is_compressed and self.noise_level < _VISIBLE_NOISE_255 and self.impulse_share <= _MANY_IMPULSES


def visible_part(picture: Picture) -> Picture:
    """Return the blocks of a picture that are wholly visible, side by side; what lies under transparency tells nothing.

    Blocks are as large as possible and keep their place on the 8x8 grid. A picture without transparency, or without
    one visible block, comes back as it is.
    """
    alpha = picture.alpha
    if alpha is None or float(alpha.min()) > 0:
        return picture
    for side in _VISIBLE_BLOCKS_PX:
        rows, columns = alpha.shape[0] // side, alpha.shape[1] // side
        blocks = alpha[: rows * side, : columns * side].reshape(rows, side, columns, side)
        places = np.argwhere(blocks.min(axis=(1, 3)) > 0) * side if rows and columns else np.empty((0, 2), np.int64)
        if len(places) * side**2 >= _ENOUGH_SHARE * np.count_nonzero(alpha) and len(places):
            chosen = places[np.linspace(0, len(places) - 1, min(len(places), _MOST_PIXELS // side**2)).astype(int)]
            cut = [picture.pixels[top : top + side, left : left + side] for top, left in chosen]
            return replace(picture, pixels=np.ascontiguousarray(np.concatenate(cut, axis=1)), alpha=None)
    return picture


def diagnose(picture: Picture) -> Diagnosis:
    """Measure everything.

    Raises:
        WeightsUnavailable: the weights of the noise-level network are missing or damaged.
    """
    seen = visible_part(picture)
    return Diagnosis(noise_level=noise_level(seen), jpeg_quality=jpeg_quality(seen), impulse_share=impulse_share(seen))


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
    found = features(_sample(picture.pixels))
    return (0.0, 0.0) if found is None else _network()(found)


def shadow_noise_level(picture: Picture) -> float:
    """Return the noise of a picture's darker half in 0-255 units, which is what brightening makes visible.

    Where compression has taken the finest detail there, and with it the sign of noise, that of the whole picture.

    Raises:
        WeightsUnavailable: the weights of the noise-level network are missing or damaged.
    """
    level = dark_half_noise(_sample(picture.pixels))
    return level if level or not picture.pixels.any() else noise_level(picture)


def speckle_level(picture: Picture) -> float | None:
    """Return the deviation in white, in 0-255 units, of noise in proportion to the signal; None for other noise.

    Raises:
        WeightsUnavailable: the weights of the noise-level network are missing or damaged.
    """
    return speckle.level(_sample(picture.pixels), measure_noise_255=lambda: noise_level(picture))


def jpeg_quality(picture: Picture) -> int | None:
    """Return the quality that the file names, or a lower one of which the pixels show the traces."""
    told, shown = picture.jpeg_quality, quality_of_pixels(gray_of(picture.pixels))
    if told is None or shown is None:
        return told or shown
    return min(told, shown)


def impulse_share(picture: Picture) -> float:
    """Return the share of samples that are black or white and far from the median of their surroundings."""
    samples = np.rint(np.clip(_sample(picture.pixels), 0, 1) * 255).astype(np.uint8)
    median = np.stack([cv2.medianBlur(np.ascontiguousarray(samples[..., c]), 5) for c in range(3)], axis=2)
    is_extreme = (samples == 0) | (samples == 255)
    return float(np.mean(is_extreme & (cv2.absdiff(samples, median) > _IMPULSE_HEIGHT_255)))


@functools.cache
def _network() -> NoiseLevelNetwork:
    from safetensors.numpy import load_file

    for info in load_manifest():
        for file in info.files:
            if file.role == _ROLE:
                return NoiseLevelNetwork.from_tensors(load_file(weights.ensure(file, model=info.title)))
    raise ManifestError(f'No file of the manifest has the role "{_ROLE}"; reinstall the application.')


def _sample(pixels: FloatArray) -> FloatArray:
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
