"""Whether a picture is blurred at all, from the steepness of its strongest edges.

Where a picture is sharp, most of an edge's height lies between two neighbouring pixels. Blur spreads it, motion blur
only along its own direction: a picture is sharp if the steepest of its strong edges are so in every direction.

Reference:
    Marziliano et al., A No-Reference Perceptual Blur Metric, 2002, doi:10.1109/ICIP.2002.1038902 (the width of edges).
"""

from __future__ import annotations

import numpy as np

from restoration.arrays import FloatArray

_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
_REACH_PX = 3
_STRONG_SHARE = 0.02
_STEEP_PERCENTILE = 75
_LEAST_HEIGHT = 0.08
_LEAST_EDGES = 30
SHARP = 0.52
_MOST_SIDE_PX = 1400


def steepness(gray: FloatArray) -> float | None:
    """Return the share of an edge's height between two pixels, 0 to 1, in the direction where it is least.

    Args:
        gray: (H, W), range [0, 1]; of a large picture the middle is looked at.

    Returns:
        None for a picture without edges.
    """
    top, left = (max(0, side - _MOST_SIDE_PX) // 2 for side in gray.shape)
    middle = gray[top : top + _MOST_SIDE_PX, left : left + _MOST_SIDE_PX]
    found = [each for down, across in _DIRECTIONS if (each := _along(middle, down, across)) is not None]
    return min(found) if found else None


def _along(gray: FloatArray, down: int, across: int) -> float | None:
    height, width = gray.shape
    rows, columns = height - 2 * _REACH_PX - 1, width - 2 * _REACH_PX - 1
    if min(rows, columns) < 1:
        return None
    offsets = range(-_REACH_PX + (across < 0), _REACH_PX + 1)
    starts = [(_REACH_PX + down * at, _REACH_PX + across * at) for at in offsets]
    stack = np.stack([gray[top : top + rows, left : left + columns] for top, left in starts])
    heights = np.ptp(stack, axis=0)
    steps = np.abs(np.diff(stack, axis=0)).max(axis=0)
    strong = heights >= max(_LEAST_HEIGHT, float(np.quantile(heights, 1 - _STRONG_SHARE)))
    if np.count_nonzero(strong) < _LEAST_EDGES:
        return None
    return float(np.percentile(steps[strong] / heights[strong], _STEEP_PERCENTILE))
