"""Align a deblurred picture with its reference: blind deblurring finds a kernel only up to a shift.

Reference:
    Levin et al., Understanding and Evaluating Blind Deconvolution Algorithms, 2009, doi:10.1109/CVPR.2009.5206815.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_STEP_PX = 0.25


def aligned(restored: Array, reference: Array, *, most_px: int) -> tuple[Array, Array]:
    """Return both pictures cropped by `most_px`, the restored one shifted to the best fit.

    One shift for the whole picture, at most `most_px` - 1 whole pixels in each direction and then up to half a pixel in
    quarters by cubic splines, whichever gives the least squared error.

    Args:
        restored, reference: equal shapes, (H, W) or (H, W, C), larger than 2 * most_px.
    """
    from scipy import ndimage  # slow to import, like HaarPSI's SciPy

    inner = reference[most_px:-most_px, most_px:-most_px]
    height, width = inner.shape[:2]

    def part(picture: Array, down: int, right: int) -> Array:
        return picture[most_px + down :, most_px + right :][:height, :width]

    reach = range(-most_px + 1, most_px)
    whole = min(itertools.product(reach, reach), key=lambda shift: _error(part(restored, *shift), inner))
    fractions = (0.0, *(sign * _STEP_PX * count for count in (1, 2) for sign in (1, -1)))
    candidates = (
        part(ndimage.shift(restored, (down, right, 0)[: restored.ndim], mode="nearest"), *whole)
        if down or right
        else part(restored, *whole)
        for down, right in itertools.product(fractions, fractions)
    )
    return min(candidates, key=lambda candidate: _error(candidate, inner)), inner


def _error(first: Array, second: Array) -> float:
    return float(np.square(first - second).sum())
