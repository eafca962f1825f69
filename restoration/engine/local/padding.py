"""Pad inputs to the sizes a model needs; the engine crops the output."""

from __future__ import annotations

import cv2
import numpy as np

from restoration.arrays import FloatArray


def pad_to_rule(
    pixels: FloatArray, *, multiple: int, minimum: int, margins: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> FloatArray:
    """Extend (H, W, C) by mirroring: first by the margins, then at the bottom and right until the sizes obey a rule.

    Args:
        multiple: both sides become multiples of this.
        minimum: both sides become at least this.
        margins: pixels above, below, left and right.

    Returns:
        The same array where nothing has to be added.
    """
    above, below, left, right = margins
    height, width = pixels.shape[0] + above + below, pixels.shape[1] + left + right
    below += _padded(height, multiple=multiple, minimum=minimum) - height
    right += _padded(width, multiple=multiple, minimum=minimum) - width
    if not (above or below or left or right):
        return pixels
    padded = cv2.copyMakeBorder(pixels, above, below, left, right, cv2.BORDER_REFLECT)
    return np.asarray(padded, dtype=np.float32).reshape(*padded.shape[:2], pixels.shape[2])


def _padded(side: int, *, multiple: int, minimum: int) -> int:
    return -(-max(side, minimum) // multiple) * multiple
