"""Non-local means: every pixel becomes the average of pixels whose surroundings look alike.

Reference:
    Buades et al., A Non-Local Algorithm for Image Denoising, 2005, doi:10.1109/CVPR.2005.38.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from skimage.restoration import denoise_nl_means

from restoration.arrays import FloatArray, Mask
from restoration.models.shared.contract import Contract
from restoration.models.shared.restorers import ArrayRestorer
from restoration.types import Parameters

_PATCH_PX = 5
_SEARCH_PX = 6
_FILTERING = 0.8  # h = 0.8 sigma, the value for the fast form in scikit-image's own study of the method


class NonLocalMeans(ArrayRestorer):
    """scikit-image's fast form on float samples, so that 16-bit pictures keep their depth (OpenCV's takes 8 bits)."""

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
        restored = denoise_nl_means(
            image,
            patch_size=_PATCH_PX,
            patch_distance=_SEARCH_PX,
            h=_FILTERING * sigma,
            sigma=sigma,
            fast_mode=True,
            channel_axis=2,
        )
        return np.asarray(restored, dtype=np.float32)


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> NonLocalMeans:
    """Build the filter; it has neither configuration nor weights."""
    reach_px = _SEARCH_PX + _PATCH_PX
    return NonLocalMeans(
        Contract(
            size_minimum=16,
            overlap_px=reach_px,
            cpu_tile_px=768,
            cpu_whole_px=1024,
            runs_on_device=False,
            activation_bytes_per_pixel=400.0,
        )
    )
