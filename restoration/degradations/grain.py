"""Noise wider than a pixel: the grain of film and scans, and blotches of colour."""

from __future__ import annotations

import cv2
import numpy as np

from restoration.arrays import FloatArray


def add_grain(
    image: FloatArray,
    *,
    rng: np.random.Generator,
    sigma: float,
    radius_px: float,
    colour_share: float = 0.0,
    midtone_share: float = 0.0,
) -> FloatArray:
    """Add grain of any width.

    Args:
        image: (H, W, 3), range [0, 1].
        sigma: root mean square of the grain of a colour, in [0, 1] units; 0 returns the image unchanged.
        radius_px: deviation of the Gaussian that white noise is smoothed by; 0 leaves it white.
        colour_share: share of the variance that each colour has of its own, 0 to 1.
        midtone_share: how much weaker the grain is in black and white than in middle gray, 0 to 1.

    Returns:
        The grainy image, not clipped.
    """
    if sigma == 0:
        return image
    grey = _smooth_noise((*image.shape[:2], 1), radius_px, rng)
    grain = np.sqrt(np.float32(1 - colour_share)) * grey
    if colour_share:
        grain = grain + np.sqrt(np.float32(colour_share)) * _smooth_noise(image.shape, radius_px, rng)
    if midtone_share:
        brightness = np.clip(image.mean(axis=2, keepdims=True), 0, 1)
        grain = grain * (1 - np.float32(midtone_share) * (2 * brightness - 1) ** 2)
    grain *= np.float32(sigma / max(float(np.sqrt(np.mean(grain**2))), 1e-9))
    return image + np.broadcast_to(grain, image.shape)


def add_colour_blotches(image: FloatArray, *, rng: np.random.Generator, sigma: float, radius_px: float) -> FloatArray:
    """Add wide noise of colour that leaves brightness as it is.

    Args:
        image: (H, W, 3), range [0, 1].
        sigma: root mean square of what is added, in [0, 1] units; 0 returns the image unchanged.
        radius_px: deviation of the Gaussian that makes the blotches.
    """
    if sigma == 0:
        return image
    noise = _smooth_noise(image.shape, radius_px, rng)
    noise = noise - noise @ np.array([0.299, 0.587, 0.114], np.float32)[:, None]
    return image + noise * np.float32(sigma / max(float(np.sqrt(np.mean(noise**2))), 1e-9))


def _smooth_noise(shape: tuple[int, ...], radius_px: float, rng: np.random.Generator) -> FloatArray:
    noise = rng.standard_normal(shape, dtype=np.float32)
    if radius_px == 0:
        return noise
    smooth = cv2.GaussianBlur(noise, (0, 0), radius_px, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(smooth, dtype=np.float32).reshape(shape)
