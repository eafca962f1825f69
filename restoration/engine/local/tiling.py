"""Split a picture into overlapping tiles and blend the outputs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from restoration.arrays import FloatArray

LARGEST_OVERLAP_PX = 16
"""Tiles share at most this much on each side; a network that looks further is blended instead of pasted."""


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

    @property
    def length(self) -> int:
        return self.stop - self.start

    @property
    def inner_length(self) -> int:
        return self.inner_stop - self.inner_start


@dataclass(frozen=True)
class Tile:
    """One rectangle of a picture."""

    rows: Span
    columns: Span

    @property
    def inner_pixels(self) -> int:
        """How many pixels of the picture this tile is responsible for."""
        return self.rows.inner_length * self.columns.inner_length


@dataclass(frozen=True)
class TilePlan:
    """How a picture of height x width is cut.

    Args:
        overlap_px: input pixels on each side of a tile's inner part.
        blend_px: half the width of the passage between neighbours; 0 = pasted without a passage.
        align_px: tiles start at multiples of this.
    """

    height: int
    width: int
    tile_px: int
    overlap_px: int
    blend_px: int
    align_px: int = 1

    @classmethod
    def of(cls, *, height: int, width: int, tile_px: int, reach_px: int, align_px: int = 1) -> TilePlan:
        """Plan tiles of about `tile_px`.

        Args:
            reach_px: how far from a pixel the model looks. Up to `LARGEST_OVERLAP_PX` the tiles overlap by that much
                and are pasted, which is exact; beyond, they overlap by the limit and pass into one another.
        """
        overlap_px = min(reach_px, LARGEST_OVERLAP_PX)
        blend_px = overlap_px // 2 if overlap_px < reach_px else 0
        least_px = 2 * overlap_px + 4 * blend_px + 2 * align_px  # narrower inner parts have passages that meet
        return cls(height, width, max(tile_px, least_px), overlap_px, blend_px, align_px)

    def tiles(self) -> list[Tile]:
        """Return the tiles row by row; a picture that is no larger than a tile is one tile."""
        rows, columns = (
            plan_spans(side, tile_px=self.tile_px, overlap_px=self.overlap_px, align_px=self.align_px)
            for side in (self.height, self.width)
        )
        return [Tile(row, column) for row in rows for column in columns]

    def split(self, tile: Tile) -> list[Tile]:
        """Return smaller tiles that together are responsible for the same part, or [] where it cannot be cut.

        Their weights add up to those of the tile, so that they fit among the tiles already done.
        """
        rows, columns = (self._split(span, length) for span, length in self._axes(tile))
        if len(rows) == 1 and len(columns) == 1:
            return []
        return [Tile(row, column) for row in rows for column in columns]

    def _axes(self, tile: Tile) -> tuple[tuple[Span, int], tuple[Span, int]]:
        return (tile.rows, self.height), (tile.columns, self.width)

    def _split(self, span: Span, length: int) -> tuple[Span, ...]:
        cut = (span.inner_start + span.inner_stop) // 2
        start = max(span.start, (cut - self.overlap_px) // self.align_px * self.align_px)
        stop = min(span.stop, cut + self.overlap_px)
        least_px = max(1, 2 * self.blend_px)  # narrower inner parts have passages that do not add up to 1
        is_useful = max(stop - span.start, span.stop - start) < span.length
        if not is_useful or min(cut - span.inner_start, span.inner_stop - cut) < least_px:
            return (span,)
        return (Span(span.start, stop, span.inner_start, cut), Span(start, span.stop, cut, span.inner_stop))


def plan_spans(length: int, *, tile_px: int, overlap_px: int, align_px: int = 1) -> tuple[Span, ...]:
    """Split an axis into the fewest spans of at most `tile_px`, all of equal length so that they can be batched.

    Args:
        length: pixels along the axis, at least 1.
        tile_px: longest span; raised where it would leave no inner part.
        overlap_px: least pixels on each side of the inner part, except at the picture's border.
        align_px: starts are multiples of this.
    """
    shared_px = 2 * overlap_px + align_px - 1
    tile_px = max(tile_px, shared_px + align_px)
    if length <= tile_px:
        return (Span(0, length, 0, length),)
    count = math.ceil((length - shared_px) / (tile_px - shared_px))
    span_px = math.ceil(math.ceil((length + (count - 1) * shared_px) / count) / align_px) * align_px
    if length <= span_px:
        return (Span(0, length, 0, length),)
    starts = [(length - span_px) * index // (count - 1) // align_px * align_px for index in range(count)]
    stops = [start + span_px for start in starts[:-1]] + [length]
    cuts = [0, *((later + stop) // 2 for stop, later in zip(stops[:-1], starts[1:], strict=True)), length]
    return tuple(Span(start, stop, *inner) for start, stop, inner in zip(starts, stops, pairwise(cuts), strict=True))


def ramp(span: Span, *, blend_px: int, length: int, scale: int) -> FloatArray:
    """Return the weights of one span's output along its axis, shape (scale * (stop - start),).

    The weight is 1 on the inner part, 0 outside, with a linear passage of `2 * blend_px` input pixels round each inner
    border; those of two neighbours add to 1. At the picture's border there is no passage.
    """
    positions = (np.arange(scale * span.length, dtype=np.float32) + 0.5) / scale + span.start
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
    """Collect the answers of tiles into one picture of shape (scale*H, scale*W, 3), clipped to [0, 1]."""

    def __init__(self, plan: TilePlan, *, scale: int) -> None:
        self.pixels: FloatArray = np.zeros((scale * plan.height, scale * plan.width, 3), dtype=np.float32)
        self._plan = plan
        self._scale = scale

    def add(self, answer: FloatArray, tile: Tile) -> None:
        """Add one tile's answer, (scale * rows, scale * columns, 3), weighted by its ramps."""
        scale, blend_px = self._scale, self._plan.blend_px
        down = ramp(tile.rows, blend_px=blend_px, length=self._plan.height, scale=scale)
        across = ramp(tile.columns, blend_px=blend_px, length=self._plan.width, scale=scale)
        used_rows, used_columns = _nonzero(down), _nonzero(across)
        top, left = scale * tile.rows.start, scale * tile.columns.start
        region = self.pixels[
            top + used_rows.start : top + used_rows.stop, left + used_columns.start : left + used_columns.stop
        ]
        weights = down[used_rows, None] * across[None, used_columns]
        region += np.clip(answer[used_rows, used_columns], 0, 1) * weights[..., None]


def _nonzero(weights: FloatArray) -> slice:
    used = np.flatnonzero(weights)
    return slice(int(used[0]), int(used[-1]) + 1)


class Preview:
    """A small 8-bit picture of a job in progress: the input, and over it the tiles that are done."""

    def __init__(self, pixels: FloatArray, *, max_side_px: int = 640) -> None:
        height, width = pixels.shape[:2]
        self._factor = min(1.0, max_side_px / max(height, width))
        size = (max(1, round(width * self._factor)), max(1, round(height * self._factor)))
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        self.samples: npt.NDArray[np.uint8] = _to_bytes(small)

    def add(self, answer: FloatArray, tile: Tile, *, scale: int) -> None:
        """Draw the inner part of one tile's answer, (scale * rows, scale * columns, 3)."""
        rows, columns = tile.rows, tile.columns
        height, width = self.samples.shape[:2]
        top, bottom = (min(height, round(edge * self._factor)) for edge in (rows.inner_start, rows.inner_stop))
        left, right = (min(width, round(edge * self._factor)) for edge in (columns.inner_start, columns.inner_stop))
        if bottom <= top or right <= left:
            return
        first_row, first_column = scale * (rows.inner_start - rows.start), scale * (columns.inner_start - columns.start)
        inner = answer[
            first_row : first_row + scale * rows.inner_length,
            first_column : first_column + scale * columns.inner_length,
        ]
        small = cv2.resize(inner, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
        self.samples[top:bottom, left:right] = _to_bytes(small)


def _to_bytes(pixels: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
