"""The median filter: every sample becomes the median of those around it.

Reference:
    Huang, Yang & Tang, A Fast Two-Dimensional Median Filtering Algorithm, 1979, doi:10.1109/TASSP.1979.1163188.
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

_LARGEST_PX = 5  # of float samples OpenCV takes no larger window


class Median(ArrayRestorer):
    """OpenCV's filter on float samples, channel by channel, in a window of `window_px` squared."""

    def restore_array(
        self,
        image: FloatArray,
        *,
        parameters: Parameters,
        mask: Mask | None = None,
    ) -> FloatArray:
        return np.asarray(cv2.medianBlur(image, int(parameters["window_px"])))


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> Median:
    """Build the filter; it has neither configuration nor weights."""
    contract = Contract(
        overlap_px=_LARGEST_PX // 2, cpu_tile_px=1024, runs_on_device=False, activation_bytes_per_pixel=60.0
    )
    return Median(contract)
