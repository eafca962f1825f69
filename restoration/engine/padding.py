"""Giving a model the sizes it needs and taking the extra pixels off again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def pad_to_rule(pixels: FloatArray, *, multiple: int, minimum: int) -> FloatArray:
    """Extend (C, H, W) at the bottom and right by mirroring until both sides obey a size rule.

    Args:
        multiple: both sides become multiples of this.
        minimum: both sides become at least this.

    Returns:
        The same array where nothing has to be added.
    """
    extra = [_padded(side, multiple=multiple, minimum=minimum) - side for side in pixels.shape[1:]]
    if not any(extra):
        return pixels
    return np.pad(pixels, ((0, 0), (0, extra[0]), (0, extra[1])), mode="symmetric")


def _padded(side: int, *, multiple: int, minimum: int) -> int:
    return -(-max(side, minimum) // multiple) * multiple
