"""From a model's answer to the result: mixed by the strength, joined at the mask, its alpha made to fit."""

from __future__ import annotations

import numpy as np

from restoration.algorithms.harmonic_fill import fill_smoothly
from restoration.arrays import FloatArray, Mask
from restoration.images import Picture, bleed_alpha, feather
from restoration.service.enlarging import resampled


def mixed(before: FloatArray, after: FloatArray, *, share: float | FloatArray) -> FloatArray:
    """Return the picture that lies between two of one shape: 0 gives the first, 1 the second."""
    return before + np.asarray(share, dtype=np.float32) * (after - before)


def mixed_by_strength(picture: Picture, answer: FloatArray, *, strength: float) -> FloatArray:
    """Return so much of a model's answer, and of the picture the rest, enlarged plainly if need be.

    Args:
        answer: (H', W', 3), as large as the picture or larger.
        strength: 0 to 1.
    """
    if strength == 1:
        return answer
    before = picture.pixels
    if before.shape != answer.shape:  # what no alpha shows is not to bleed into what it does
        before = resampled(bleed_alpha(picture), width=answer.shape[1], height=answer.shape[0])
    return mixed(before, answer, share=strength)


def joined(before: FloatArray, fill: FloatArray, mask: Mask, *, feather_px: int) -> FloatArray:
    """Return the picture with the fill in its mask; every pixel outside stays bit for bit."""
    if feather_px:
        shares = feather(mask, px=feather_px)[..., None]
        fill = np.where(shares < 1, mixed(before, fill, share=shares), fill)
    return np.where(mask[..., None], fill, before)


def has_shape(alpha: FloatArray | None) -> bool:
    """Tell whether an alpha channel is there and not the same everywhere."""
    return alpha is not None and float(np.ptp(alpha)) > 0


def alpha_of_size(alpha: FloatArray, *, height: int, width: int) -> FloatArray:
    """Return an alpha channel at the size of the result by plain resampling; one value everywhere stays exact."""
    if has_shape(alpha):
        return resampled(alpha, width=width, height=height)
    return np.full((height, width), alpha.flat[0], dtype=np.float32)


def alpha_of_fill(alpha: FloatArray | None, mask: Mask) -> FloatArray | None:
    """Return the alpha channel with the holes as visible as what surrounds them; without that a fill is not seen."""
    if alpha is None or mask.all():
        return alpha
    filled = fill_smoothly(np.repeat(alpha[..., None], 3, axis=2), mask)[..., 0]
    return np.where(mask, np.maximum(alpha, filled), alpha).astype(np.float32)
