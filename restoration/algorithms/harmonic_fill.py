"""Fill holes with the smoothest surface through their rims, coarse to fine: cheap, and the start for networks.

Reference:
    Gortler et al., The Lumigraph, 1996, doi:10.1145/237170.237200 (pull-push over a pyramid);
    Farbman et al., Convolution Pyramids, 2011, doi:10.1145/2070781.2024209 (its use for seamless membranes).
"""

from __future__ import annotations

import cv2
import numpy as np

from restoration.arrays import FloatArray, Mask

Mask = Mask

_SWEEPS = 6
_NEIGHBOURS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4


def fill_smoothly(image: FloatArray, mask: Mask) -> FloatArray:
    """Return the picture with its holes filled; known pixels stay unchanged.

    Holes are filled from a picture of half the size, where they are smaller, and then relaxed towards the mean of
    their neighbours. Without a single known pixel the answer is 0.5 everywhere.

    Args:
        image: (H, W, 3), any range; what lies in the holes is not looked at.
        mask: (H, W), True = fill.
    """
    if not mask.any():
        return image
    known = 1 - mask.astype(np.float32)
    if mask.all():
        return np.full_like(image, 0.5)
    return _filled(np.where(mask[..., None], np.float32(0), image), known)


def _filled(image: FloatArray, known: FloatArray) -> FloatArray:
    """Return (H, W, 3) with a value everywhere; `image` is 0 where `known`, (H, W), is 0."""
    height, width = known.shape
    holes = known == 0
    if not holes.any():
        return image
    small = (max(1, -(-width // 2)), max(1, -(-height // 2)))
    shares = cv2.resize(known, small, interpolation=cv2.INTER_AREA).reshape(small[1], small[0])
    sums = cv2.resize(image, small, interpolation=cv2.INTER_AREA).reshape(small[1], small[0], 3)
    means = sums / np.maximum(shares, np.float32(1e-6))[..., None]
    coarse = _filled(np.where((shares > 0)[..., None], means, np.float32(0)), (shares > 0).astype(np.float32))
    fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR).reshape(image.shape)
    filled = np.where(holes[..., None], fine, image)
    for _ in range(_SWEEPS):
        around = cv2.filter2D(filled, -1, _NEIGHBOURS, borderType=cv2.BORDER_REPLICATE).reshape(image.shape)
        filled[holes] = around[holes]
    return filled
