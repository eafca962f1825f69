"""Inpainting by the biharmonic equation: slopes are continued into the hole; for scratches and thin text.

Reference:
    Damelin and Hoang, On Surface Completion and Image Inpainting by Biharmonic Functions: Numerical Aspects, 2018,
    doi:10.1155/2018/3950312.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from skimage.restoration import inpaint_biharmonic

from restoration.models.base import ArrayRestorer, Contract
from restoration.models.holes import cut_holes, window_of
from restoration.types import Parameters

_CELL_PX = 192
_MARGIN_PX = 16


class BiharmonicInpaint(ArrayRestorer):
    """Solve for one piece of the holes after the other with scikit-image; its time grows fast with their size."""

    def __init__(self) -> None:
        super().__init__(Contract(tiling="internal", needs_mask=True, runs_on_device=False))

    def restore_array(
        self,
        image: npt.NDArray[np.float32],
        *,
        parameters: Parameters,
        mask: npt.NDArray[np.bool_] | None = None,
    ) -> npt.NDArray[np.float32]:
        assert mask is not None
        filled, unknown = image.copy(), mask.copy()
        if mask.all():
            return image
        numbers, pieces = cut_holes(mask, cell_px=_CELL_PX, thick_px=_CELL_PX, join_px=_MARGIN_PX)
        for piece in pieces:
            top, left, bottom, right = piece.box
            height, width = bottom - top + 2 * _MARGIN_PX, right - left + 2 * _MARGIN_PX
            window = window_of(piece.box, mask.shape, height_px=height, width_px=width)
            own = numbers[window] == piece.number
            if unknown[window].all():
                continue
            answer = inpaint_biharmonic(filled[window], unknown[window], split_into_regions=True, channel_axis=2)
            filled[window][own] = np.clip(answer, 0, 1)[own]
            unknown[window][own] = False
        return filled


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> BiharmonicInpaint:
    """Build the method; it has no weights."""
    return BiharmonicInpaint()
