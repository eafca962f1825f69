"""Photographs underexposed everywhere, in places or nowhere, with sensor or transmission noise."""

from __future__ import annotations

from typing import Literal, get_args

import cv2
import numpy as np

from restoration.arrays import FloatArray
from restoration.degradations.noise import (
    add_gaussian_noise,
    add_poisson_noise,
    add_salt_and_pepper,
    add_speckle_noise,
    quantize_8bit,
)

Exposure = Literal["dark", "mixed", "right"]
Noise = Literal["dots", "gaussian", "poisson", "speckle", "none"]

_EXPOSURES: tuple[Exposure, ...] = get_args(Exposure)
_EXPOSURE_SHARES = (0.5, 0.25, 0.25)
_NOISES: tuple[Noise, ...] = get_args(Noise)
_NOISE_SHARES = (0.6, 0.1, 0.1, 0.1, 0.1)
_GAMMAS, _GAINS = (1.0, 2.5), (0.3, 1.0)
_MIDDLE_GAMMA, _MIDDLE_GAIN = 1.7, 0.6
_FIELD_SIDE = 4


def darken_by_curve(
    image: FloatArray,
    *,
    rng: np.random.Generator | None = None,
    gamma: float,
    gain: float,
    share: FloatArray | float = 1.0,
) -> FloatArray:
    """Return `gain * image ** gamma`, which darkens for gamma >= 1 and gain <= 1; `rng` is not used.

    Args:
        image: (H, W, C), range [0, 1].
        share: (H, W, 1) or a number in [0, 1]: how much of that is done at each pixel; 0 leaves it as it is.
    """
    dark = np.float32(gain) * np.clip(image, 0, 1) ** np.float32(gamma)
    return np.asarray(image + np.float32(1) * share * (dark - image), dtype=np.float32)


def draw_field(height: int, width: int, *, rng: np.random.Generator) -> FloatArray:
    """Return a smooth random map, (H, W, 1), that is 0 in some places, 1 in others, with soft transitions."""
    coarse = rng.random((_FIELD_SIDE, _FIELD_SIDE), dtype=np.float32)
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    low, high = np.quantile(field, (0.4, 0.6))
    steep = (field - low) / max(float(high - low), 1e-6)
    return np.clip(steep, 0, 1).astype(np.float32)[..., None]


def expose(image: FloatArray, *, rng: np.random.Generator, exposure: Exposure, gamma: float, gain: float) -> FloatArray:
    """Darken a whole picture ("dark"), random parts of it ("mixed") or nothing ("right")."""
    if exposure == "right":
        return image
    share = 1.0 if exposure == "dark" else draw_field(*image.shape[:2], rng=rng)
    return darken_by_curve(image, gamma=gamma, gain=gain, share=share)


def spoil(image: FloatArray, *, rng: np.random.Generator, noise: Noise, strength: float) -> FloatArray:
    """Add one kind of noise and round to 8 bits.

    Args:
        strength: 0 to 1; 1 is every fifth pixel lost, or a Gaussian of 50/255, or 25 photons for white, or speckle
            of deviation 0.4.
    """
    if noise == "dots":  # dots reach 0 and 255 exactly, on a picture that was stored before
        return add_salt_and_pepper(quantize_8bit(image), rng=rng, ratio=0.2 * strength)
    if noise == "gaussian":
        image = add_gaussian_noise(image, rng=rng, sigma=50 / 255 * strength)
    elif noise == "poisson" and strength > 0:
        image = add_poisson_noise(image, rng=rng, photons=25 / strength**2)
    elif noise == "speckle":
        image = add_speckle_noise(image, rng=rng, sigma=0.4 * strength)
    return quantize_8bit(image)


def expose_and_spoil(image: FloatArray, *, rng: np.random.Generator) -> FloatArray:
    """Damage a clean picture at random; a quarter keep their exposure, a tenth get no noise."""
    exposure = _EXPOSURES[int(rng.choice(len(_EXPOSURES), p=_EXPOSURE_SHARES))]
    noise = _NOISES[int(rng.choice(len(_NOISES), p=_NOISE_SHARES))]
    gamma, gain = float(rng.uniform(*_GAMMAS)), float(rng.uniform(*_GAINS))
    exposed = expose(image, rng=rng, exposure=exposure, gamma=gamma, gain=gain)
    return spoil(exposed, rng=rng, noise=noise, strength=float(rng.random()))


def expose_and_spoil_evenly(image: FloatArray, *, rng: np.random.Generator) -> FloatArray:
    """Add salt and pepper of medium strength to a clean picture with a random exposure: dark, mixed or right."""
    exposure = _EXPOSURES[int(rng.choice(len(_EXPOSURES)))]
    exposed = expose(image, rng=rng, exposure=exposure, gamma=_MIDDLE_GAMMA, gain=_MIDDLE_GAIN)
    return spoil(exposed, rng=rng, noise="dots", strength=0.25)
