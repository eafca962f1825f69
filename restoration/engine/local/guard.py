"""Check the output of models, in one place."""

from __future__ import annotations

import numpy as np

from restoration.arrays import FloatArray

_FAR_OUTSIDE = 4.0
_BLACK = 1 / 255
_DARK = 16 / 255


def fault_of(answer: FloatArray, source: FloatArray, *, is_exact: bool) -> str | None:
    """Return what is wrong with the output of one tile, as part of a sentence, or None.

    Low precision overflows to infinity, to NaN, to huge values, or, after a normalisation, to black. In float32 a black
    answer is a right one: of a night sky from which a lamp or white dots were taken, say.

    Args:
        answer: (H, W, 3) of the model.
        source: what the model was given, range [0, 1].
        is_exact: the model ran in float32.
    """
    low, high = float(answer.min()), float(answer.max())
    if not np.isfinite(low) or not np.isfinite(high):
        return "holds values that are not numbers"
    if low < -_FAR_OUTSIDE or high > 1 + _FAR_OUTSIDE:
        return f"runs from {low:.3g} to {high:.3g} instead of 0 to 1"
    if not is_exact and high < _BLACK and float(source.mean()) > _DARK:
        return "is black where the picture is not"
    return None
