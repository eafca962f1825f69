"""Where the photo lies in a picture: what is left without the flat frames, mats, bars and pages around it.

A frame is a run of rows or columns of one colour along an edge, and it ends at a step: the photo begins all at once. A
clear sky or a black night is flat along the edge as well, but what lies below it begins gradually.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from restoration.arrays import FloatArray
from restoration.images import gray_of

_TOLERANCE = 3.5 / 255
_LEAST_STEP = 1.5 / 255
_STEP_PER_SPREAD = 2.0
_FLAT_SHARE, _FLAT_SHARE_INSIDE = 0.995, 0.96  # inside a frame, JPEG has blurred the corners
_STEP_SHARE = 0.2
_MOST_RINGING = 24 / 255  # of the luma
_RINGING_PX = 16  # JPEG with halved chroma blurs the end of a frame by as much
_LEAST_PHOTO_PX = 16
_LEAST_PHOTO_SHARE = 0.04
_MOST_LAYERS = 12  # frames and mats inside one another, and the rows that JPEG blurred between them
_MOST_SAMPLES = 1024  # of a row or a column
_GRID_PX, _BLEED_PX = 16, 2  # the blocks of JPEG with halved chroma, and how far its upsampling reaches
_ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: rows `top` to `bottom`, columns `left` to `right`, the last ones excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """The index of these pixels in an array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def scaled(self, down: float, across: float) -> Box:
        """Return the same part of a picture of another size."""
        return Box(*(round(side * factor) for side, factor in zip(self.sides, (down, across) * 2, strict=True)))

    @property
    def sides(self) -> tuple[int, int, int, int]:
        """Top, left, bottom, right."""
        return self.top, self.left, self.bottom, self.right


def find_photo(pixels: FloatArray) -> Box:
    """Return where the photo lies without the flat frames around it; the whole picture where there is no frame.

    Rows and columns that JPEG blurred at the end of a frame belong to the photo.

    Args:
        pixels: (H, W, 3), range [0, 1].
    """
    height, width = pixels.shape[:2]
    box = Box(0, 0, height, width)
    for layer in range(_MOST_LAYERS):
        share = _FLAT_SHARE if layer == 0 else _FLAT_SHARE_INSIDE
        inside = pixels[box.slices]
        top, bottom = _frame_px(inside, share), _frame_px(inside[::-1], share)
        inside = inside[top : box.height - bottom].transpose(1, 0, 2)
        left, right = _frame_px(inside, share), _frame_px(inside[::-1], share)
        smaller = Box(box.top + top, box.left + left, box.bottom - bottom, box.right - right)
        if smaller == box or not _is_photo(smaller, height=height, width=width):
            break
        box = smaller
    return box


def measured_part(photo: Box, *, height: int, width: int) -> Box:
    """Return the part of a photo in a frame that measurements look at: without the blocks in which the frame ends.

    It begins on the grid of the picture's blocks.

    Args:
        height, width: of the whole picture.
    """
    top, left = (-(-(side + _BLEED_PX) // _GRID_PX) * _GRID_PX if side else 0 for side in (photo.top, photo.left))
    bottom = height if photo.bottom == height else (photo.bottom - _BLEED_PX) // _GRID_PX * _GRID_PX
    right = width if photo.right == width else (photo.right - _BLEED_PX) // _GRID_PX * _GRID_PX
    inner = Box(top, left, bottom, right)
    return inner if min(inner.height, inner.width) >= _LEAST_PHOTO_PX else photo


def _is_photo(box: Box, *, height: int, width: int) -> bool:
    is_large = box.height * box.width >= _LEAST_PHOTO_SHARE * height * width
    return is_large and min(box.height, box.width) >= _LEAST_PHOTO_PX


def _frame_px(pixels: FloatArray, flat_share: float) -> int:
    """Return how many rows of one colour a picture begins with, 0 where the rest begins gradually."""
    length, width = pixels.shape[:2]
    if min(length, width) < _LEAST_PHOTO_PX:
        return 0
    rows = pixels[:, :: max(1, width // _MOST_SAMPLES)]
    colour: FloatArray = np.median(rows[0], axis=0).astype(np.float32)
    count = 0
    while count < length:
        distances = np.abs(rows[count : count + _ROWS_AT_ONCE] - colour).max(axis=2)
        is_flat = np.mean(distances <= _TOLERANCE, axis=1) >= flat_share
        flat = len(is_flat) if is_flat.all() else int(is_flat.argmin())
        count += flat
        if flat < len(is_flat):
            break
    if count in (0, length):
        return 0
    spread = np.abs(rows[:count][:: max(1, count // _ROWS_AT_ONCE)] - colour).max(axis=2)
    least = max(_LEAST_STEP, _STEP_PER_SPREAD * float(np.quantile(spread, flat_share)))
    end = rows[count - 1 : count + _RINGING_PX + 1]
    is_frame = np.abs(gray_of(end[:-1]) - gray_of(colour)) <= _MOST_RINGING
    steps = is_frame & (np.abs(np.diff(end, axis=0)).max(axis=2) > least)
    return count if steps.mean(axis=1).max() >= _STEP_SHARE else 0
