"""Filling holes with patches of the same picture; see `algorithms.patch_fill`.

Reference:
    Wexler et al., Space-Time Completion of Video, 2007, doi:10.1109/TPAMI.2007.60;
    Barnes et al., PatchMatch, 2009, doi:10.1145/1531326.1531330.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from restoration.algorithms.holes import cut_holes
from restoration.algorithms.patch_fill import fill_by_example, surroundings_of
from restoration.arrays import FloatArray, Mask
from restoration.models.shared.restorers import FillingRestorer
from restoration.types import Parameters

_CELL_PX = 256
_JOIN_PX = 64
_THICK_PX = 48


class ExemplarFill(FillingRestorer):
    """Fill each hole from its own surroundings."""

    def fill(self, image: FloatArray, mask: Mask, *, parameters: Parameters) -> Iterator[tuple[float, FloatArray]]:
        seed = int(parameters["seed"])
        numbers, pieces = cut_holes(mask, cell_px=_CELL_PX, thick_px=_THICK_PX, join_px=_JOIN_PX)
        filled, unknown = image.copy(), mask.copy()
        areas = np.bincount(numbers.ravel(), minlength=1)[1:].cumsum()
        for piece, area in zip(pieces, areas, strict=True):
            window = surroundings_of(piece, mask.shape)
            own = numbers[window] == piece.number
            rng = np.random.default_rng((seed, piece.number))
            fill = fill_by_example(filled[window], unknown[window], rng=rng)
            filled[window][own] = fill[own]
            unknown[window][own] = False
            yield float(area / areas[-1]), filled
        if not pieces:
            yield 1.0, filled


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> ExemplarFill:
    """Build the method; it has no weights."""
    return ExemplarFill()
