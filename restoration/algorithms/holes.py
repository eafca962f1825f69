"""Prepare holes for an inpainting network: split them into pieces, choose a window for each, match the tone.

Pieces are independent of the size of the picture: a network sees each at the resolution it was trained for, and a few
specks on a large photograph cost as little as on a small one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from restoration.algorithms.harmonic_fill import fill_smoothly
from restoration.arrays import FloatArray, Mask

Mask = Mask
Box = tuple[int, int, int, int]
"""(top, left, bottom, right), the last two exclusive."""

_TONE_SIGMA_PX = 2.0


@dataclass(frozen=True)
class Piece:
    """A part of the holes that is filled in one step.

    Args:
        number: what its pixels carry in the map of pieces.
        thickness_px: diameter of the largest disc in the hole it belongs to.
    """

    number: int
    box: Box
    thickness_px: float


def cut_holes(
    mask: Mask, *, cell_px: int, thick_px: int, join_px: int | None = None
) -> tuple[npt.NDArray[np.int32], list[Piece]]:
    """Split the holes into pieces: thin ones by a grid, thick ones whole, since they need all their surroundings.

    Args:
        mask: (H, W), True = fill.
        cell_px: largest side of a piece of thin holes.
        thick_px: holes with a disc wider than this inside stay whole.
        join_px: thin holes further apart than about this belong to different pieces; None puts one grid over the
            whole picture.

    Returns:
        (H, W) numbers of the pieces, 0 = known; the pieces, thin ones first.
    """
    holes = mask.astype(np.uint8)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(holes, connectivity=8)
    radii = np.minimum(np.asarray(cv2.distanceTransform(holes, cv2.DIST_L2, 3), np.float32), max(mask.shape))
    widest = np.zeros(count, np.float32)
    owners: npt.NDArray[np.int32] = np.asarray(labels, dtype=np.int32)
    np.maximum.at(widest, owners[mask], radii[mask])
    is_thick = 2 * widest > thick_px
    thin = mask & ~is_thick[owners]
    numbers = np.zeros(mask.shape, np.int32)
    pieces: list[Piece] = []
    for group in _groups(thin, join_px):
        for top, left, bottom, right in _cells(group, cell_px):
            part = thin[top:bottom, left:right] & (numbers[top:bottom, left:right] == 0)
            if part.any():
                piece = Piece(len(pieces) + 1, _box(part, top=top, left=left), float(thick_px))
                numbers[top:bottom, left:right][part] = piece.number
                pieces.append(piece)
    for label in np.flatnonzero(is_thick):
        left, top, width, height = (int(value) for value in boxes[label, :4])
        piece = Piece(len(pieces) + 1, (top, left, top + height, left + width), float(2 * widest[label]))
        numbers[owners == label] = piece.number
        pieces.append(piece)
    return numbers, pieces


def wide_parts_of(mask: Mask, *, wide_px: int) -> Mask:
    """Return those parts of the holes (H, W) that a disc of more than `wide_px` fits in, and what is next to them."""
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)
    square = np.ones((wide_px + 3, wide_px + 3), np.uint8)
    is_wide: Mask = mask & (cv2.dilate((depth > wide_px / 2).astype(np.uint8), square) > 0)
    return is_wide


def window_of(box: Box, shape: tuple[int, ...], *, height_px: int, width_px: int) -> tuple[slice, slice]:
    """Return a window of that size round a box, moved and, where it must be, cut so that it lies in the picture."""
    top, left, bottom, right = box
    return _span(top, bottom, side=height_px, length=shape[0]), _span(left, right, side=width_px, length=shape[1])


def window_round(box: Box, shape: tuple[int, ...], *, least_px: int, margin_px: int) -> tuple[slice, slice]:
    """Return a square window round a box, of at least that side and with at least that margin; see `window_of`."""
    top, left, bottom, right = box
    side = max(least_px, bottom - top + 2 * margin_px, right - left + 2 * margin_px)
    return window_of(box, shape, height_px=side, width_px=side)


def filled_by_pieces(
    image: FloatArray,
    mask: Mask,
    fill: Callable[[FloatArray, Mask], FloatArray],
    *,
    cell_px: int,
    margin_px: int,
    join_px: int | None = None,
) -> Iterator[tuple[float, FloatArray]]:
    """Fill the holes piece by piece, each from its surroundings and what is already filled.

    Yields (fraction done, picture filled so far), the last time (1.0, the answer). A piece round which nothing is known
    stays as it is.

    Args:
        image: (H, W, 3).
        mask: (H, W), True = fill.
        fill: returns a window, (h, w, 3), with the holes (h, w) in it filled.
        cell_px, join_px: see `cut_holes`; no hole is too thick to be cut.
        margin_px: how far a window reaches beyond its piece.
    """
    filled, unknown = image.copy(), mask.copy()
    numbers, pieces = cut_holes(mask, cell_px=cell_px, thick_px=max(mask.shape), join_px=join_px)
    for count, piece in enumerate(pieces, start=1):
        top, left, bottom, right = piece.box
        height, width = bottom - top + 2 * margin_px, right - left + 2 * margin_px
        window = window_of(piece.box, mask.shape, height_px=height, width_px=width)
        if not unknown[window].all():
            own = numbers[window] == piece.number
            filled[window][own] = fill(filled[window], unknown[window])[own]
            unknown[window][own] = False
        yield count / len(pieces), filled
    if not pieces:
        yield 1.0, filled


def halved(image: FloatArray, mask: Mask, *, least_known: float = 1.0) -> tuple[FloatArray, Mask]:
    """Return a filled picture and its mask at half the size.

    Args:
        least_known: a pixel of which at least this share is known is no hole, and takes the mean of what is known.
    """
    size = (-(-mask.shape[1] // 2), -(-mask.shape[0] // 2))
    lost = np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA))
    is_hole = lost > 1 - least_known
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    if least_known < 1:
        sums = np.asarray(cv2.resize(image * ~mask[..., None], size, interpolation=cv2.INTER_AREA))
        means = sums / np.maximum(1 - lost, np.float32(1e-6))[..., None]
        small = np.where(is_hole[..., None], small, means)
    return np.asarray(small, dtype=np.float32), is_hole


def match_tone(fill: FloatArray, image: FloatArray, mask: Mask) -> FloatArray:
    """Return the fill with its tone shifted, smoothly over each hole, so that it meets the known pixels round it.

    Args:
        fill: (H, W, 3), an answer for the whole window, known pixels too.
        image: (H, W, 3); what lies in its holes is not looked at.
        mask: (H, W), True = hole.
    """
    known = 1 - mask.astype(np.float32)
    difference = (image - fill) * known[..., None]
    shares = cv2.GaussianBlur(known, (0, 0), _TONE_SIGMA_PX, borderType=cv2.BORDER_REFLECT)
    sums = cv2.GaussianBlur(difference, (0, 0), _TONE_SIGMA_PX, borderType=cv2.BORDER_REFLECT)
    means: FloatArray = np.asarray(sums / np.maximum(shares, np.float32(1e-6))[..., None], dtype=np.float32)
    return fill + fill_smoothly(means, mask)


def _groups(mask: Mask, join_px: int | None) -> Iterator[Box]:
    """Yield boxes that together cover all holes; those of holes that are near to one another are one."""
    if not mask.any():
        return
    if join_px is None:
        yield 0, 0, mask.shape[0], mask.shape[1]
        return
    reach = np.ones((join_px // 2 * 2 + 1,) * 2, np.uint8)
    near = cv2.dilate(mask.astype(np.uint8), reach)
    _, _, boxes, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    for left, top, width, height, _ in boxes[1:].tolist():
        yield top, left, top + height, left + width


def _cells(box: Box, cell_px: int) -> Iterator[Box]:
    """Cut a box evenly into the fewest cells of at most `cell_px`."""
    top, left, bottom, right = box
    rows = np.linspace(top, bottom, -(-(bottom - top) // cell_px) + 1).round().astype(int).tolist()
    columns = np.linspace(left, right, -(-(right - left) // cell_px) + 1).round().astype(int).tolist()
    for first_row, last_row in pairwise(rows):
        for first_column, last_column in pairwise(columns):
            yield first_row, first_column, last_row, last_column


def _box(part: Mask, *, top: int, left: int) -> Box:
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    return top + int(rows[0]), left + int(columns[0]), top + int(rows[-1]) + 1, left + int(columns[-1]) + 1


def _span(first: int, last: int, *, side: int, length: int) -> slice:
    start = min(max(0, (first + last - side) // 2), max(0, length - side))
    return slice(start, min(length, start + side))
