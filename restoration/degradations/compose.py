"""Realistic damage: several degradations in a row."""

from __future__ import annotations

import cv2
import numpy as np

from restoration.arrays import FloatArray
from restoration.degradations.jpeg import compress_jpeg
from restoration.degradations.noise import add_gaussian_noise, quantize_8bit

_CLIPPED_SHARE = 0.2
_CAMERA_SHARE = 0.3


def add_photo_noise(image: FloatArray, *, rng: np.random.Generator, sigma: float) -> tuple[FloatArray, float]:
    """Add random noise: white (half of the draws), white in an 8-bit file, or camera noise.

    Args:
        image: (H, W, 3), range [0, 1].
        sigma: standard deviation of the noise before clipping, in [0, 1] units.

    Returns:
        The noisy image, and the noise level to tell a denoiser: sigma for white noise, for a camera the root mean
        square of what was really added, give or take a fifth, as an estimate or a user would have it.
    """
    draw = rng.random()
    if draw < _CAMERA_SHARE:
        noisy = add_developed_noise(image, rng=rng, sigma=sigma)
        level = float(np.sqrt(np.mean((noisy - image) ** 2)))
        return noisy, level * float(rng.uniform(0.8, 1.2))
    noisy = add_gaussian_noise(image, rng=rng, sigma=sigma)
    return (quantize_8bit(noisy) if draw < _CAMERA_SHARE + _CLIPPED_SHARE else noisy), sigma


def add_developed_noise(image: FloatArray, *, rng: np.random.Generator, sigma: float) -> FloatArray:
    """Add noise as in-camera processing leaves it: stronger in bright parts, blotchy, often compressed.

    The variance is a random mixture of a constant (read noise), a share proportional to the signal (shot noise) and one
    proportional to its square (speckle); neighbouring pixels are correlated as after demosaicing; half of the images go
    through JPEG; all are clipped and rounded to 8 bits.

    Args:
        image: (H, W, 3), range [0, 1].
        sigma: standard deviation at middle gray before the picture is compressed; 0 leaves rounding, and in half of the
            draws JPEG.

    Reference:
        Guo et al., Toward Convolutional Blind Denoising of Real Photographs, 2019, arXiv:1807.04686 (the idea).
    """
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    radius_px = float(rng.uniform(0, 0.9))
    if radius_px > 0.3:  # a narrower kernel is a single pixel
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), radius_px, borderType=cv2.BORDER_REFLECT), dtype=np.float32)
        noise /= max(float(noise.std()), 1e-6)
    signal = np.clip(image, 0, 1)
    constant, shot, speckle = rng.dirichlet((1, 1, 0.5)).astype(np.float32)
    variance = constant + shot * 2 * signal + speckle * 3 * signal**2  # each of mean 1 over all gray levels
    noisy = quantize_8bit(image + sigma * np.sqrt(variance) * noise)
    if rng.random() < 0.5:
        noisy = compress_jpeg(noisy, quality=int(rng.integers(60, 99)))
    return noisy
