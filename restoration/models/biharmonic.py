"""Inpainting by the biharmonic equation: slopes are continued into the hole; for scratches and thin text.

Reference:
    Damelin and Hoang, On Surface Completion and Image Inpainting by Biharmonic Functions: Numerical Aspects, 2018,
    doi:10.1155/2018/3950312.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from skimage.restoration import inpaint_biharmonic

from restoration.algorithms.holes import filled_by_pieces
from restoration.arrays import FloatArray, Mask
from restoration.models.shared.restorers import FillingRestorer
from restoration.types import Parameters

_CELL_PX = 192
_MARGIN_PX = 16


class BiharmonicInpaint(FillingRestorer):
    """Solve for one piece of the holes after the other with scikit-image; its time grows fast with their size."""

    def fill(self, image: FloatArray, mask: Mask, *, parameters: Parameters) -> Iterator[tuple[float, FloatArray]]:
        yield from filled_by_pieces(image, mask, _fill, cell_px=_CELL_PX, margin_px=_MARGIN_PX, join_px=_MARGIN_PX)


def _fill(image: FloatArray, mask: Mask) -> FloatArray:
    answer = inpaint_biharmonic(image, mask, split_into_regions=True, channel_axis=2)
    return np.asarray(np.clip(answer, 0, 1), dtype=np.float32)


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> BiharmonicInpaint:
    """Build the method; it has no weights."""
    return BiharmonicInpaint()
