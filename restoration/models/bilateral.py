"""The bilateral filter: every pixel becomes the mean of near pixels of nearly its colour.

Reference:
    Tomasi & Manduchi, Bilateral Filtering for Gray and Color Images, 1998, doi:10.1109/ICCV.1998.710815;
    Zhang & Gunturk, Multiresolution Bilateral Filtering for Image Denoising, 2008, doi:10.1109/TIP.2008.2006658
    (both deviations: the best spatial one hardly depends on the noise, that of colours is proportional to it).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from restoration.arrays import FloatArray, Mask
from restoration.models.shared.contract import Contract
from restoration.models.shared.restorers import ArrayRestorer
from restoration.types import Parameters

_NEAR_PX = 1.8
_RADIUS_PX = 5
_ALIKE = 1.75  # deviations of the noise in each channel
_CHANNELS = 3


class Bilateral(ArrayRestorer):
    """OpenCV's filter on float samples; colours are as far apart as their channels together."""

    def restore_array(
        self,
        image: FloatArray,
        *,
        parameters: Parameters,
        mask: Mask | None = None,
    ) -> FloatArray:
        sigma = float(parameters["sigma"])
        if sigma == 0:
            return image
        return np.asarray(
            cv2.bilateralFilter(image, 2 * _RADIUS_PX + 1, sigmaColor=_CHANNELS * _ALIKE * sigma, sigmaSpace=_NEAR_PX)
        )


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> Bilateral:
    """Build the filter; it has neither configuration nor weights."""
    contract = Contract(overlap_px=_RADIUS_PX, cpu_tile_px=1024, runs_on_device=False, activation_bytes_per_pixel=100.0)
    return Bilateral(contract)
