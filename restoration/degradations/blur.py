"""Blur of lens and motion."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def gaussian_blur(image: FloatArray, *, rng: np.random.Generator | None = None, radius_px: float) -> FloatArray:
    """Blur with a Gaussian of standard deviation `radius_px`; 0 returns the image unchanged. `rng` is not used."""
    if radius_px == 0:
        return image
    return np.asarray(cv2.GaussianBlur(image, (0, 0), radius_px, borderType=cv2.BORDER_REFLECT), dtype=np.float32)


def motion_blur(
    image: FloatArray, *, rng: np.random.Generator | None = None, length_px: float, angle_deg: float
) -> FloatArray:
    """Blur along a straight line; a length below 1 returns the image unchanged. `rng` is not used."""
    if length_px < 1:
        return image
    return _filter(image, motion_kernel(length_px, angle_deg))


def motion_kernel(length_px: float, angle_deg: float) -> FloatArray:
    """Return a line of that length as a kernel with sum 1 and odd sides, antialiased by drawing it 16 times larger."""
    side, factor = 2 * int(np.ceil(length_px / 2)) + 1, 16
    canvas = np.zeros((side * factor, side * factor), dtype=np.uint8)
    centre = np.full(2, side * factor / 2)
    reach = np.array([np.cos(np.radians(angle_deg)), -np.sin(np.radians(angle_deg))]) * length_px * factor / 2
    start, stop = np.rint(centre - reach).astype(int), np.rint(centre + reach).astype(int)
    cv2.line(canvas, tuple(map(int, start)), tuple(map(int, stop)), 255, thickness=factor)
    kernel = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def _filter(image: FloatArray, kernel: FloatArray) -> FloatArray:
    return np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT), dtype=np.float32)
