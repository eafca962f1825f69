"""BM3D: patches that look alike are stacked and filtered together; in colour CBM3D, grouped by brightness.

Reference:
    Dabov et al., Image Denoising by Sparse 3-D Transform-Domain Collaborative Filtering, 2007,
    doi:10.1109/TIP.2007.901238; Mäkinen et al., Collaborative Filtering of Correlated Noise, 2020,
    doi:10.1109/TIP.2020.3014721 (the library).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from restoration.arrays import FloatArray, Mask
from restoration.errors import ModelUnavailable
from restoration.models.shared.contract import Contract
from restoration.models.shared.restorers import ArrayRestorer
from restoration.types import Parameters

_REACH_PX = 39  # of the search for patches


class BM3D(ArrayRestorer):
    """The authors' own library on float samples; gray pictures as one channel.

    Args:
        color, gray: `bm3d_rgb` and `bm3d` of the library.
    """

    def __init__(self, color: Callable[..., Any], gray: Callable[..., Any], contract: Contract) -> None:
        super().__init__(contract)
        self._color, self._gray = color, gray

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
        if np.array_equal(image[..., 0], image[..., 1]) and np.array_equal(image[..., 0], image[..., 2]):
            plane = np.asarray(self._gray(image[..., 0], sigma), dtype=np.float32)
            return np.repeat(plane.reshape(*image.shape[:2], 1), 3, axis=2)
        return np.asarray(self._color(image, sigma), dtype=np.float32)


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> BM3D:
    """Build the filter; it has neither configuration nor weights.

    Raises:
        ModelUnavailable: the library is not installed.
    """
    try:
        library = importlib.import_module("bm3d")
    except ImportError as error:
        raise ModelUnavailable(
            "BM3D needs the library bm3d, which does not import here; install it (pip install bm3d; for non-commercial "
            "use only) or choose another model.",
            model="bm3d",
        ) from error
    contract = Contract(
        size_minimum=16,
        overlap_px=_REACH_PX,
        cpu_tile_px=192,
        runs_on_device=False,
        activation_bytes_per_pixel=2000.0,
    )
    return BM3D(library.bm3d_rgb, library.bm3d, contract)
