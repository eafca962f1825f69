"""Inpainting by the biharmonic equation: slopes are continued into the hole; for scratches and thin text.

Reference:
    Damelin and Hoang, On Surface Completion and Image Inpainting by Biharmonic Functions: Numerical Aspects, 2018,
    doi:10.1155/2018/3950312.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from skimage.restoration import inpaint_biharmonic

from restoration.models.base import FillingRestorer
from restoration.models.holes import cut_holes, window_of
from restoration.types import Parameters

_CELL_PX = 192
_MARGIN_PX = 16

_Floats = npt.NDArray[np.float32]
_Mask = npt.NDArray[np.bool_]


class BiharmonicInpaint(FillingRestorer):
    """Solve for one piece of the holes after the other with scikit-image; its time grows fast with their size."""

    def fill(self, image: _Floats, mask: _Mask, *, parameters: Parameters) -> Iterator[tuple[float, _Floats]]:
        filled, unknown = image.copy(), mask.copy()
        numbers, pieces = cut_holes(mask, cell_px=_CELL_PX, thick_px=max(mask.shape), join_px=_MARGIN_PX)
        for count, piece in enumerate(pieces, start=1):
            top, left, bottom, right = piece.box
            height, width = bottom - top + 2 * _MARGIN_PX, right - left + 2 * _MARGIN_PX
            window = window_of(piece.box, mask.shape, height_px=height, width_px=width)
            if not unknown[window].all():  # else nothing is known to begin with
                own = numbers[window] == piece.number
                answer = inpaint_biharmonic(filled[window], unknown[window], split_into_regions=True, channel_axis=2)
                filled[window][own] = np.clip(answer, 0, 1)[own]
                unknown[window][own] = False
            yield count / len(pieces), filled
        if not pieces:
            yield 1.0, filled


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> BiharmonicInpaint:
    """Build the method; it has no weights."""
    return BiharmonicInpaint()
