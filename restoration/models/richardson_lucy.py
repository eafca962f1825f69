"""Richardson-Lucy deconvolution of Gaussian blur, damped by total variation.

Reference:
    Richardson, Bayesian-Based Iterative Method of Image Restoration, 1972, doi:10.1364/JOSA.62.000055;
    Dey et al., Richardson-Lucy Algorithm with Total Variation Regularization, 2006, doi:10.1002/jemt.20294.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from restoration.models.base import ArrayRestorer, Contract
from restoration.types import Parameters

FloatArray = npt.NDArray[np.float32]

_LARGEST_RADIUS_PX = 5.0
_TINY = 1e-4


class RichardsonLucy(ArrayRestorer):
    """Iterate `x <- x * blur(y / blur(x))`; a Gaussian is symmetric, so one blur serves both directions."""

    def restore_array(
        self, image: FloatArray, *, parameters: Parameters, mask: npt.NDArray[np.bool_] | None = None
    ) -> FloatArray:
        radius_px, damping = float(parameters["radius"]), float(parameters["damping"])
        if radius_px == 0:
            return image
        observed = np.maximum(image, _TINY)
        estimate = observed.copy()
        for _ in range(int(parameters["iterations"])):
            blurred = np.maximum(_blur(estimate, radius_px), _TINY)
            correction = _blur((observed / blurred).astype(np.float32), radius_px)
            estimate *= correction / np.maximum(1 - damping * _curvature(estimate), 0.5)
        return estimate


def _blur(image: FloatArray, radius_px: float) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), radius_px, borderType=cv2.BORDER_REFLECT), dtype=np.float32)


def _curvature(image: FloatArray) -> FloatArray:
    """Return the divergence of the normalised gradient, the derivative of total variation."""
    across = np.diff(image, axis=1, append=image[:, -1:])
    down = np.diff(image, axis=0, append=image[-1:])
    length = np.sqrt(across**2 + down**2 + _TINY)
    across, down = across / length, down / length
    return np.diff(across, axis=1, prepend=across[:, :1] * 0) + np.diff(down, axis=0, prepend=down[:1] * 0)


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> RichardsonLucy:
    """Build the method; it has neither configuration nor weights."""
    return RichardsonLucy(
        Contract(overlap_px=int(6 * _LARGEST_RADIUS_PX), runs_on_device=False, activation_bytes_per_pixel=200.0)
    )
