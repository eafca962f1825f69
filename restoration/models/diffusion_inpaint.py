"""Inpainting that carries the surroundings into the hole; for scratches, dust and thin text.

Reference:
    Telea, An Image Inpainting Technique Based on the Fast Marching Method, 2004, doi:10.1080/10867651.2004.10487596;
    Bertalmio et al., Navier-Stokes, Fluid Dynamics, and Image and Video Inpainting, 2001, doi:10.1109/CVPR.2001.990497.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from restoration.models.base import ArrayRestorer, Contract
from restoration.types import Parameters

_METHODS = {"telea": cv2.INPAINT_TELEA, "navier-stokes": cv2.INPAINT_NS}


class DiffusionInpaint(ArrayRestorer):
    """OpenCV's methods, channel by channel on 16-bit samples; its float form rounds values below 1 away."""

    def __init__(self, method: int) -> None:
        super().__init__(Contract(tiling="internal", needs_mask=True, runs_on_device=False))
        self._method = method

    def restore_array(
        self,
        image: npt.NDArray[np.float32],
        *,
        parameters: Parameters,
        mask: npt.NDArray[np.bool_] | None = None,
    ) -> npt.NDArray[np.float32]:
        assert mask is not None
        radius_px = float(parameters["radius"])
        holes = mask.astype(np.uint8)
        samples = np.rint(np.clip(image, 0, 1) * 65535).astype(np.uint16)
        filled = [
            cv2.inpaint(np.ascontiguousarray(samples[..., channel]), holes, radius_px, self._method)
            for channel in range(3)
        ]
        return np.where(mask[..., None], np.stack(filled, axis=2).astype(np.float32) / np.float32(65535), image)


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> DiffusionInpaint:
    """Build the method that `config` names."""
    return DiffusionInpaint(_METHODS[str(config["method"])])
