"""Second-order degradation of pictures from the web: blur, resizing, noise and JPEG, twice.

Reference:
    Wang et al., Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data, 2021,
    arXiv:2107.10833 (the order of the steps and the ranges). The package of its authors draws from the global random
    numbers of NumPy, Python and torch, so that its pictures cannot be made again from one `rng`, and needs torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.special import j1

from restoration.arrays import FloatArray
from restoration.degradations.jpeg import compress_jpeg
from restoration.degradations.noise import quantize_8bit

_KERNEL_SIDES_PX = tuple(range(7, 22, 2))
_SINC_SHARE = 0.1
_LAST_SINC_SHARE = 0.8
_GRAY_NOISE_SHARE = 0.4
_JPEG_QUALITIES = (30, 95)
_LEAST_LEVELS = 32  # flat pictures have fewer gray levels, but no camera counts so few photons
_INTERPOLATIONS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)


@dataclass(frozen=True)
class _Round:
    """The ranges of one of the two rounds."""

    blur_share: float
    sigmas_px: tuple[float, float]
    directions: tuple[float, float, float]  # enlarge, shrink, keep
    factors: tuple[float, float]
    noise_255: tuple[float, float]
    poisson_scale: tuple[float, float]


_FIRST = _Round(1.0, (0.2, 3.0), (0.2, 0.7, 0.1), (0.15, 1.5), (1, 30), (0.05, 3.0))
_SECOND = _Round(0.8, (0.2, 1.5), (0.3, 0.4, 0.3), (0.3, 1.2), (1, 25), (0.05, 2.5))


def degrade_twice(image: FloatArray, *, rng: np.random.Generator, scale: int) -> FloatArray:
    """Damage a clean picture and shrink it.

    Args:
        image: (H, W, 3), range [0, 1]; H and W multiples of `scale`.
        scale: factor between the picture and the answer.

    Returns:
        (H // scale, W // scale, 3), as an 8-bit file holds it.
    """
    height, width = image.shape[0] // scale, image.shape[1] // scale
    damaged = _one_round(image, _FIRST, rng=rng, base=image.shape[:2])
    damaged = compress_jpeg(damaged, quality=_quality(rng))
    damaged = _one_round(damaged, _SECOND, rng=rng, base=(height, width))
    ringing = sinc_kernel(rng=rng) if rng.random() < _LAST_SINC_SHARE else None
    if rng.random() < 0.5:
        damaged = _filter(_resize(damaged, (height, width), rng), ringing)
        damaged = compress_jpeg(damaged, quality=_quality(rng))
    else:
        damaged = compress_jpeg(damaged, quality=_quality(rng))
        damaged = _filter(_resize(damaged, (height, width), rng), ringing)
    return quantize_8bit(damaged)


def random_kernel(*, rng: np.random.Generator, sigmas_px: tuple[float, float]) -> FloatArray:
    """Return a blur kernel of sum 1 and odd sides: Gaussian, generalised Gaussian or plateau-shaped, round or not."""
    side = int(rng.choice(_KERNEL_SIDES_PX))
    if rng.random() < _SINC_SHARE:
        return sinc_kernel(rng=rng, side_px=side)
    kind = rng.choice(3, p=(0.7, 0.15, 0.15))
    is_round = bool(rng.random() < 0.68)
    first = float(rng.uniform(*sigmas_px))
    second = first if is_round else float(rng.uniform(*sigmas_px))
    angle = 0.0 if is_round else float(rng.uniform(-np.pi, np.pi))
    axis = np.arange(side) - side // 2
    x, y = np.meshgrid(axis, axis)
    u, v = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    distance = (u / first) ** 2 + (v / second) ** 2
    if kind == 0:
        kernel = np.exp(-0.5 * distance)
    elif kind == 1:
        kernel = np.exp(-0.5 * distance ** float(rng.uniform(0.5, 4)))
    else:
        kernel = 1 / (1 + distance ** float(rng.uniform(1, 2)))
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def sinc_kernel(*, rng: np.random.Generator, side_px: int | None = None) -> FloatArray:
    """Return an ideal low-pass kernel of sum 1, which leaves ringing, with a random cutoff.

    Args:
        side_px: odd side; None draws one.
    """
    side = int(rng.choice(_KERNEL_SIDES_PX)) if side_px is None else side_px
    cutoff = float(rng.uniform(np.pi / 3 if side < 13 else np.pi / 5, np.pi))
    axis = np.arange(side) - side // 2
    radius = np.hypot(*np.meshgrid(axis, axis))
    radius[side // 2, side // 2] = 1
    kernel = cutoff * j1(cutoff * radius) / (2 * np.pi * radius)
    kernel[side // 2, side // 2] = cutoff**2 / (4 * np.pi)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def _one_round(image: FloatArray, ranges: _Round, *, rng: np.random.Generator, base: tuple[int, int]) -> FloatArray:
    """Blur, resize relative to the size `base`, and add noise."""
    if rng.random() < ranges.blur_share:
        image = _filter(image, random_kernel(rng=rng, sigmas_px=ranges.sigmas_px))
    direction = rng.choice(3, p=ranges.directions)
    low, high = ranges.factors
    factor = float((rng.uniform(1, high), rng.uniform(low, 1), 1.0)[direction])
    size = max(4, round(base[0] * factor)), max(4, round(base[1] * factor))
    return _add_noise(_resize(image, size, rng), ranges, rng)


def _add_noise(image: FloatArray, ranges: _Round, rng: np.random.Generator) -> FloatArray:
    is_gray = bool(rng.random() < _GRAY_NOISE_SHARE)
    shape = (*image.shape[:2], 1 if is_gray else 3)
    if rng.random() < 0.5:
        sigma = float(rng.uniform(*ranges.noise_255)) / 255
        return image + np.float32(sigma) * rng.standard_normal(shape, dtype=np.float32)
    signal = np.clip(image.mean(axis=2, keepdims=True) if is_gray else image, 0, 1)
    levels = max(_LEAST_LEVELS, 2 ** np.ceil(np.log2(len(np.unique(np.rint(signal * 255))))))
    noise = rng.poisson(signal * levels) / levels - signal
    return (image + float(rng.uniform(*ranges.poisson_scale)) * noise).astype(np.float32)


def _resize(image: FloatArray, size: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    kind = int(rng.choice(_INTERPOLATIONS))
    return np.asarray(cv2.resize(image, (size[1], size[0]), interpolation=kind), dtype=np.float32)


def _filter(image: FloatArray, kernel: FloatArray | None) -> FloatArray:
    if kernel is None:
        return image
    return np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT), dtype=np.float32)


def _quality(rng: np.random.Generator) -> int:
    return int(rng.integers(_JPEG_QUALITIES[0], _JPEG_QUALITIES[1] + 1))
