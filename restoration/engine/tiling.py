"""Cutting a picture into overlapping tiles and joining the answers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Span:
    """One tile along one axis, in input pixels.

    Args:
        start, stop: what the model sees.
        inner_start, inner_stop: what it is responsible for; the inner parts of all spans cover the axis exactly once.
    """

    start: int
    stop: int
    inner_start: int
    inner_stop: int


def plan_spans(length: int, *, tile_px: int, overlap_px: int, align_px: int = 1) -> tuple[Span, ...]:
    """Divide an axis into spans of about `tile_px`, neighbours sharing at least `2 * overlap_px`.

    Args:
        length: pixels along the axis, at least 1.
        tile_px: wanted span; raised where it would leave no inner part. A longer axis gets equal spans.
        overlap_px: pixels on each side of the inner part, except at the picture's border.
        align_px: starts are multiples of this.
    """
    tile_px = -(-max(tile_px, 2 * overlap_px + align_px) // align_px) * align_px
    if length <= tile_px:
        return (Span(0, length, 0, length),)
    count = -(-(length - 2 * overlap_px) // (tile_px - 2 * overlap_px - align_px + 1))
    starts = [(length - tile_px) * index // (count - 1) // align_px * align_px for index in range(count)]
    stops = [min(length, start + tile_px) for start in starts[:-1]] + [length]
    cuts = [0, *((later + stop) // 2 for stop, later in zip(stops[:-1], starts[1:], strict=True)), length]
    return tuple(Span(start, stop, *inner) for start, stop, inner in zip(starts, stops, pairwise(cuts), strict=True))


def ramp(span: Span, *, blend_px: int, length: int, scale: int) -> FloatArray:
    """Return the weights of one span's output along its axis, shape (scale * (stop - start),).

    The weight is 1 on the inner part, 0 outside, with a linear passage of `2 * blend_px` input pixels round each inner
    border; those of two neighbours add to 1. At the picture's border there is no passage.
    """
    positions = (np.arange(scale * (span.stop - span.start), dtype=np.float32) + 0.5) / scale + span.start
    weights = np.ones(len(positions), dtype=np.float32)
    if span.inner_start > 0:
        weights = np.minimum(weights, _passage(positions - span.inner_start, blend_px))
    if span.inner_stop < length:
        weights = np.minimum(weights, _passage(span.inner_stop - positions, blend_px))
    return weights


def _passage(distance_px: npt.NDArray[np.floating], blend_px: int) -> FloatArray:
    """Return 0 well outside (negative distance), 1 well inside, linear in between."""
    if blend_px == 0:
        return (distance_px > 0).astype(np.float32)
    return np.clip(0.5 + distance_px / (2 * blend_px), 0.0, 1.0).astype(np.float32)


class Canvas:
    """Collect the answers of tiles into one picture of shape (3, scale*H, scale*W)."""

    def __init__(self, *, height: int, width: int, scale: int, blend_px: int) -> None:
        self.pixels: FloatArray = np.zeros((3, scale * height, scale * width), dtype=np.float32)
        self._height, self._width = height, width
        self._scale, self._blend_px = scale, blend_px

    def add(self, answer: FloatArray, *, rows: Span, columns: Span) -> None:
        """Add one tile's answer, (3, scale * rows, scale * columns), weighted by its ramps."""
        scale = self._scale
        down = ramp(rows, blend_px=self._blend_px, length=self._height, scale=scale)
        across = ramp(columns, blend_px=self._blend_px, length=self._width, scale=scale)
        region = self.pixels[:, scale * rows.start : scale * rows.stop, scale * columns.start : scale * columns.stop]
        region += answer * (down[:, None] * across[None, :])
