"""Pixel-wise errors."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]


def mse(restored: Array, reference: Array, *, data_range: float = 1.0, crop_border: int = 0) -> float:
    """Return the mean squared error in units of `data_range` squared; 0 is best.

    Args:
        restored, reference: equal shapes, (H, W) or (H, W, C).
        data_range: distance between black and white.
        crop_border: pixels left out on every side.

    Raises:
        ValueError: the shapes differ, or nothing is left after cropping.
    """
    difference = cropped(restored, reference, crop_border=crop_border)
    return float(np.mean(difference**2)) / data_range**2


def mae(restored: Array, reference: Array, *, data_range: float = 1.0, crop_border: int = 0) -> float:
    """Return the mean absolute error in units of `data_range`; 0 is best. Arguments as `mse`."""
    difference = cropped(restored, reference, crop_border=crop_border)
    return float(np.mean(np.abs(difference))) / data_range


def psnr(restored: Array, reference: Array, *, data_range: float = 1.0, crop_border: int = 0) -> float:
    """Return the peak signal-to-noise ratio in dB; infinity for identical pictures. Arguments as `mse`."""
    error = mse(restored, reference, data_range=data_range, crop_border=crop_border)
    return math.inf if error == 0 else -10 * math.log10(error)


def cropped(restored: Array, reference: Array, *, crop_border: int) -> npt.NDArray[np.float64]:
    """Return restored - reference in float64 without a border; raises as `mse`."""
    check_shapes(restored, reference, crop_border=crop_border)
    height, width = restored.shape[:2]
    inner = np.s_[crop_border : height - crop_border, crop_border : width - crop_border]
    return restored[inner].astype(np.float64) - reference[inner].astype(np.float64)


def check_shapes(restored: Array, reference: Array, *, crop_border: int) -> None:
    """Check that two pictures can be compared; raises as `mse`."""
    if restored.shape != reference.shape:
        raise ValueError(f"Both pictures must have the same shape, but have {restored.shape} and {reference.shape}.")
    if min(restored.shape[:2]) <= 2 * crop_border:
        raise ValueError(f"Nothing is left of {restored.shape[:2]} pixels after cropping {crop_border} on every side.")
