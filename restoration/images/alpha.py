"""What lies under and behind transparent pixels."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from restoration.arrays import FloatArray
from restoration.images.picture import Picture

_VISIBLE = 1e-3


def bleed_alpha(picture: Picture) -> FloatArray:
    """Return the colours with those under invisible pixels taken from their visible neighbours.

    A restored or enlarged edge then mixes with a matching colour instead of the black that often lies under full
    transparency. Pixels that are visible at all keep their colour exactly.

    Returns:
        (H, W, 3); the picture's own pixels where all or none of them are visible.
    """
    alpha = picture.alpha
    if alpha is None:
        return picture.pixels
    visible = alpha > _VISIBLE
    if visible.all() or not visible.any():
        return picture.pixels
    weight = np.where(visible, alpha, 0).astype(np.float32)
    spread = _spread(picture.pixels * weight[..., None], weight)
    return np.where(visible[..., None], picture.pixels, spread).astype(np.float32)


def _spread(colours: FloatArray, weight: FloatArray) -> FloatArray:
    """Fill weightless pixels from a pyramid of weighted averages (pull-push), so that any distance is bridged.

    Args:
        colours: (H, W, 3), already multiplied by the weight.
        weight: (H, W).
    """
    height, width = weight.shape
    known = weight > 0
    own = (colours / np.maximum(weight, 1e-6)[..., None]).astype(np.float32)
    if known.all() or max(height, width) == 1:
        return own
    size = ((width + 1) // 2, (height + 1) // 2)
    small = _spread(_halve(colours, size), _halve(weight, size))
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(known[..., None], own, large).astype(np.float32)


def _halve(samples: FloatArray, size: tuple[int, int]) -> FloatArray:
    return np.asarray(cv2.resize(samples, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def flatten(picture: Picture) -> Picture:
    """Return the picture on white, without alpha."""
    if picture.alpha is None:
        return picture
    alpha = picture.alpha[..., None]
    return replace(picture, pixels=picture.pixels * alpha + (1 - alpha), alpha=None)
