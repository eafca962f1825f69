"""The noise of pictures that people have: of sensors and their cameras, of film, and of laboratories."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from restoration.arrays import FloatArray
from restoration.degradations.camera import add_sensor_noise
from restoration.degradations.codecs import compress_on_any_grid, compress_web
from restoration.degradations.compose import add_developed_noise
from restoration.degradations.grain import add_colour_blotches, add_grain
from restoration.degradations.noise import add_gaussian_noise, add_poisson_noise, add_speckle_noise, quantize_8bit

Levels = tuple[float, float]
"""Standard deviation of noise in [0, 1] units, and twice that of its mean over 2x2 pixels; of white noise the same."""

_KINDS = {"sensor": 0.62, "grain": 0.14, "developed": 0.1, "counted": 0.04, "white": 0.1}
_KINDS_TO_MEASURE = {"sensor": 0.36, "grain": 0.12, "developed": 0.1, "counted": 0.06, "white": 0.36}
_MIDDLE_GRAY = 0.5
_MOST_FAINT_255 = 1.5
_LEAST_REAL_255, _MOST_REAL_255 = 0.7, 40.0
_EXACT_SHARE = 0.4
_SPREAD, _WHITE_SPREAD = 0.3, 0.03
"""Of the logarithm of what is measured, about the truth."""


def add_real_noise(
    image: FloatArray, *, rng: np.random.Generator, sigma_255: tuple[float, float]
) -> tuple[FloatArray, Levels]:
    """Add noise of a random kind and level.

    Args:
        image: (H, W, 3), range [0, 1].
        sigma_255: lowest and highest level, in 0-255 units.

    Returns:
        The noisy image, and the levels to tell a denoiser, about as right as they can be measured.
    """
    kind = _kind(_KINDS, rng)
    low, high = sigma_255
    if kind == "white":
        sigma = float(rng.uniform(low, high)) / 255
    else:
        least = max(low, _LEAST_REAL_255)
        sigma = least * (min(high, _MOST_REAL_255) / least) ** float(rng.random()) / 255
    noisy, levels = _add(kind, image, rng=rng, sigma=sigma)
    if kind == "white" and rng.random() < _EXACT_SHARE:
        return noisy, levels
    return noisy, _measured(levels, rng=rng, spread=_WHITE_SPREAD if kind == "white" else _SPREAD)


def add_noise_and_measure(image: FloatArray, *, rng: np.random.Generator, sigma: float) -> tuple[FloatArray, Levels]:
    """Add noise of a random kind, and return the noisy image and its true levels.

    Args:
        image: (H, W, 3), range [0, 1].
        sigma: the level before values are clipped and the picture is compressed, in [0, 1] units.
    """
    return _add(_kind(_KINDS_TO_MEASURE, rng), image, rng=rng, sigma=sigma)


def _kind(shares: Mapping[str, float], rng: np.random.Generator) -> str:
    return str(rng.choice(list(shares), p=list(shares.values())))


def _add(kind: str, image: FloatArray, *, rng: np.random.Generator, sigma: float) -> tuple[FloatArray, Levels]:
    if kind == "white":
        noisy = add_gaussian_noise(image, rng=rng, sigma=sigma)
        return (quantize_8bit(noisy) if rng.random() < 0.4 else noisy), (sigma, sigma)
    if kind == "sensor":
        noisy = add_photo(image, rng=rng, sigma=sigma)
    elif kind == "grain":
        noisy = _grain(image, rng=rng, sigma=sigma)
    elif kind == "developed":
        noisy = add_developed_noise(image, rng=rng, sigma=sigma)
    elif rng.random() < 0.5:
        noisy = quantize_8bit(add_speckle_noise(image, rng=rng, sigma=2 * sigma))
    else:
        noisy = quantize_8bit(add_poisson_noise(image, rng=rng, photons=_MIDDLE_GRAY / max(sigma, 1e-3) ** 2))
    return noisy, levels_of(noisy - image)


def leave_clean(image: FloatArray, *, rng: np.random.Generator) -> tuple[FloatArray, Levels]:
    """Return an image as it is, or only compressed, and the levels that are measured though there is no noise."""
    draw = rng.random()
    if draw < 0.5:
        image = compress_on_any_grid(image, rng=rng, quality=int(rng.integers(80, 100)), full_colour=draw < 0.2)
    fine, coarse = (float(rng.uniform(0, _MOST_FAINT_255)) / 255 for _ in range(2))
    return image, _rounded(fine, coarse)


def levels_of(noise: FloatArray) -> Levels:
    """Return the levels of noise (H, W, 3)."""
    height, width = (side // 2 * 2 for side in noise.shape[:2])
    halves = noise[:height, :width].reshape(height // 2, 2, width // 2, 2, -1).mean(axis=(1, 3))
    return float(np.sqrt(np.mean(noise**2))), 2 * float(np.sqrt(np.mean(halves**2)))


def add_photo(image: FloatArray, *, rng: np.random.Generator, sigma: float) -> FloatArray:
    """Add a sensor's noise as it arrives: at full size, shrunk or enlarged, and compressed.

    Args:
        image: (H, W, 3), range [0, 1].
        sigma: root mean square before compression, in [0, 1] units.
    """
    draw = rng.random()
    zoom = float(rng.uniform(1.2, 2.2)) if draw < 0.25 else 1 / float(rng.uniform(1.1, 1.7)) if draw < 0.33 else 1.0
    noise = _noise_at(image, rng=rng, sigma=sigma, zoom=zoom)
    if rng.random() < 0.15:
        blotches = float(rng.uniform(0.2, 0.7)) * sigma
        noise = add_colour_blotches(noise, rng=rng, sigma=blotches, radius_px=float(rng.uniform(2, 8)))
    return _filed(image + noise, rng=rng)


def _noise_at(image: FloatArray, *, rng: np.random.Generator, sigma: float, zoom: float) -> FloatArray:
    """Return noise made in a picture `zoom` times as large and brought to the size of this one."""
    if zoom == 1:
        return add_sensor_noise(image, rng=rng, sigma=sigma) - image
    height, width = image.shape[:2]
    size = (round(width * zoom), round(height * zoom))
    kind = cv2.INTER_CUBIC if zoom > 1 else cv2.INTER_AREA
    other = np.asarray(np.clip(cv2.resize(image, size, interpolation=kind), 0, 1), dtype=np.float32)
    noise = add_sensor_noise(other, rng=rng, sigma=sigma * max(1.0, 0.7 * zoom)) - other
    back = cv2.INTER_AREA if zoom > 1 else cv2.INTER_CUBIC
    noise = np.asarray(cv2.resize(noise, (width, height), interpolation=back), dtype=np.float32)
    return noise * np.float32(np.clip(sigma / max(float(np.sqrt(np.mean(noise**2))), 1e-9), 0.3, 3))


def _grain(image: FloatArray, *, rng: np.random.Generator, sigma: float) -> FloatArray:
    noisy = add_grain(
        image,
        rng=rng,
        sigma=sigma,
        radius_px=float(rng.uniform(0.4, 2.6)),
        colour_share=float(rng.choice([0.0, 1.0, rng.random()])),
        midtone_share=float(rng.uniform(0, 0.8)) if rng.random() < 0.5 else 0.0,
    )
    return _filed(noisy, rng=rng)


def _filed(image: FloatArray, *, rng: np.random.Generator) -> FloatArray:
    """Return an image as a file of some kind gives it back."""
    draw = rng.random()
    if draw < 0.2:
        return quantize_8bit(image)
    if draw < 0.25:
        kind = "webp" if draw < 0.235 else "avif"
        return compress_web(image, kind=kind, quality=int(rng.integers(60, 98)))  # type: ignore[arg-type]
    quality = round(100 - 25 * float(rng.random()) ** 2)
    return compress_on_any_grid(image, rng=rng, quality=quality, full_colour=bool(rng.random() < 0.35))


def _measured(levels: Levels, *, rng: np.random.Generator, spread: float) -> Levels:
    """Return levels as wrong as a measurement makes them: both together, and the coarse one more."""
    both = float(rng.normal(0, spread))
    fine = levels[0] * np.exp(both + float(rng.normal(0, 0.3 * spread)))
    coarse = levels[1] * np.exp(both + float(rng.normal(0, 0.05 + 0.7 * spread)))
    return _rounded(float(fine), float(coarse))


def _rounded(fine: float, coarse: float) -> Levels:
    """Return levels in the steps of the controls, never 0."""
    return max(1, round(255 * fine)) / 255, max(0.1, round(2550 * coarse) / 10) / 255
