"""Inpainting that carries the surroundings into the hole; for scratches, dust and thin text.

Reference:
    Telea, An Image Inpainting Technique Based on the Fast Marching Method, 2004, doi:10.1080/10867651.2004.10487596;
    Bertalmio et al., Navier-Stokes, Fluid Dynamics, and Image and Video Inpainting, 2001, doi:10.1109/CVPR.2001.990497.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np

from restoration.algorithms.holes import filled_by_pieces
from restoration.arrays import FloatArray, Mask
from restoration.models.shared.restorers import FillingRestorer
from restoration.types import Parameters

_METHODS = {"telea": cv2.INPAINT_TELEA, "navier-stokes": cv2.INPAINT_NS}
_MOST_WORK = 18e6  # pixels of holes times the square of the radius: about 5 s
_CELL_PX = 256
_LEAST_MARGIN_PX = 8


class DiffusionInpaint(FillingRestorer):
    """Fill all holes with OpenCV at once; those that would take long, piece by piece from one side to the other.

    Channel by channel on 16-bit samples; OpenCV's float form rounds values below 1 away.
    """

    def __init__(self, method: int) -> None:
        super().__init__()
        self._method = method

    def fill(self, image: FloatArray, mask: Mask, *, parameters: Parameters) -> Iterator[tuple[float, FloatArray]]:
        radius_px = float(parameters["radius"])
        margin = max(_LEAST_MARGIN_PX, math.ceil(radius_px) + 1)
        is_quick = float(mask.sum()) * max(1.0, radius_px) ** 2 <= _MOST_WORK
        cell_px = max(mask.shape) if is_quick else _CELL_PX

        def fill(window: FloatArray, holes: Mask) -> FloatArray:
            return self._filled(window, holes, radius_px)

        yield from filled_by_pieces(image, mask, fill, cell_px=cell_px, margin_px=margin)

    def _filled(self, image: FloatArray, mask: Mask, radius_px: float) -> FloatArray:
        holes = mask.astype(np.uint8)
        samples = np.rint(np.clip(image, 0, 1) * 65535).astype(np.uint16)
        planes = (np.ascontiguousarray(samples[..., channel]) for channel in range(3))
        answers = [cv2.inpaint(plane, holes, radius_px, self._method) for plane in planes]
        return np.stack(answers, axis=2).astype(np.float32) / np.float32(65535)


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> DiffusionInpaint:
    """Build the method that `config` names."""
    return DiffusionInpaint(_METHODS[str(config["method"])])
