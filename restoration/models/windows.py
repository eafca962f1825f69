"""Holes cut into pieces, and a window of the picture round each: how networks of one size fill pictures of any size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Piece:
    """A part of the holes that is filled at once: its pixels carry `number`; the box is (top, left, bottom, right)."""

    number: int
    box: tuple[int, int, int, int]


def cut_into_pieces(mask: Mask, *, cell_px: int, thick_px: int) -> tuple[npt.NDArray[np.int32], list[Piece]]:
    """Cut the holes into pieces: thin ones by a grid, each thick one whole, as it needs all its surroundings.

    Args:
        mask: (H, W), True = fill.
        cell_px: side of the grid's cells.
        thick_px: holes that hold a disc of this diameter are thick.

    Returns:
        (H, W) numbers of the pieces, 0 = known; the pieces, thin ones first.
    """
    holes = mask.astype(np.uint8)
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(holes, connectivity=8)
    thick = np.unique(labels[cv2.distanceTransform(holes, cv2.DIST_L2, 3) > thick_px / 2])
    thin = mask & ~np.isin(labels, thick)
    numbers = np.zeros(mask.shape, np.int32)
    pieces: list[Piece] = []
    for top in range(0, mask.shape[0], cell_px):
        for left in range(0, mask.shape[1], cell_px):
            part = thin[top : top + cell_px, left : left + cell_px]
            if part.any():
                numbers[top : top + cell_px, left : left + cell_px][part] = len(pieces) + 1
                pieces.append(Piece(len(pieces) + 1, _box(part, top=top, left=left)))
    for label in thick:
        left, top, width, height = (int(value) for value in boxes[label, :4])
        numbers[labels == label] = len(pieces) + 1
        pieces.append(Piece(len(pieces) + 1, (top, left, top + height, left + width)))
    return numbers, pieces


def window_round(piece: Piece, shape: tuple[int, ...], *, least_px: int, margin_px: int) -> tuple[slice, slice]:
    """Return a square round a piece, moved and, where it must be, cut so that it lies in the picture.

    Args:
        shape: of the picture, (H, W, ...).
        least_px: smallest side.
        margin_px: what is seen beyond the piece on every side.
    """
    top, left, bottom, right = piece.box
    side = max(least_px, bottom - top + 2 * margin_px, right - left + 2 * margin_px)
    return _span(top, bottom, side=side, length=shape[0]), _span(left, right, side=side, length=shape[1])


def _box(part: Mask, *, top: int, left: int) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    return top + int(rows[0]), left + int(columns[0]), top + int(rows[-1]) + 1, left + int(columns[-1]) + 1


def _span(first: int, last: int, *, side: int, length: int) -> slice:
    start = min(max(0, (first + last - side) // 2), max(0, length - side))
    return slice(start, min(length, start + side))
