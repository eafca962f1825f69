"""Blur of lens and motion."""

from __future__ import annotations

import cv2
import numpy as np

from restoration.arrays import FloatArray

_SAMPLES_PER_PX = 16


def gaussian_blur(image: FloatArray, *, rng: np.random.Generator | None = None, radius_px: float) -> FloatArray:
    """Blur with a Gaussian of standard deviation `radius_px`; 0 returns the image unchanged. `rng` is not used."""
    if radius_px == 0:
        return image
    return np.asarray(cv2.GaussianBlur(image, (0, 0), radius_px, borderType=cv2.BORDER_REFLECT), dtype=np.float32)


def motion_kernel(length_px: float, angle_deg: float) -> FloatArray:
    """Return an antialiased line of the given length, 1 px wide, as a kernel with sum 1 and odd sides.

    Args:
        length_px: at least 1, which is the identity where the line is level or upright.
        angle_deg: counter-clockwise from the horizontal.
    """
    side = 2 * int(np.ceil(length_px / 2)) + 1
    axis = (np.arange(side * _SAMPLES_PER_PX) + 0.5) / _SAMPLES_PER_PX - side / 2
    x, y = np.meshgrid(axis, -axis)
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    line = (np.abs(x * cos + y * sin) <= length_px / 2) & (np.abs(y * cos - x * sin) <= 0.5)
    kernel = line.reshape(side, _SAMPLES_PER_PX, side, _SAMPLES_PER_PX).mean(axis=(1, 3))
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)
