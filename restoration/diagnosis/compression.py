"""Estimate the JPEG quality from pixels.

Reference:
    Fan & de Queiroz, Identification of Bitmap Compression History: JPEG Detection and Quantizer Estimation, 2003,
    doi:10.1109/TIP.2002.807361 (the idea: coefficients lie on the multiples of the steps).
"""

from __future__ import annotations

import numpy as np

from restoration.arrays import FloatArray
from restoration.diagnosis.blocks import BLOCK_PX, MOST_BLOCKS, spectra
from restoration.images import jpeg_table

_QUALITIES = range(5, 93)
_LEAST_STEP = 3
_ROUNDING = 0.6
_LEAST_COEFFICIENTS = 60
_LEAST_EVIDENCE = 0.35
_LOOK_PX, _LOOK_BLOCKS = 1024, 1000  # where, and at how many blocks, the grid is looked for
_CROPPED_BLOCKS = 4000
_ZERO = 0.8  # what rounding to 8 bits makes of a coefficient that was 0


def quality_of_pixels(luma: FloatArray) -> int | None:
    """Return the lowest libjpeg quality whose quantisation steps match the coefficients, or None.

    A picture that was saved again, losslessly or at a higher quality, still shows its first compression, also where it
    was cropped since.

    Args:
        luma: (H, W), range [0, 1].
    """
    top, left = cropped_start(luma)
    both = (
        _quality_on_grid(luma, most=MOST_BLOCKS),
        _quality_on_grid(luma[top:, left:], most=_CROPPED_BLOCKS),
    )
    return min((quality for quality in both if quality is not None), default=None)


def cropped_start(luma: FloatArray) -> tuple[int, int]:
    """Return the row and the column, 0 to 7, at which the blocks begin if a picture was cropped after its compression.

    On their own grid most coefficients are zero; elsewhere a block holds parts of several. What begins in the corner,
    as every later compression does, does not count.

    Args:
        luma: (H, W), range [0, 1].
    """
    top, left = (max(0, side - _LOOK_PX) // (2 * BLOCK_PX) * BLOCK_PX for side in luma.shape)
    middle = luma[top : top + _LOOK_PX, left : left + _LOOK_PX]
    zeros = np.zeros((BLOCK_PX, BLOCK_PX))
    for row, column in np.ndindex(zeros.shape):
        coefficients = spectra(middle[row:, column:], most=_LOOK_BLOCKS)
        zeros[row, column] = np.mean(np.abs(coefficients) < _ZERO) if len(coefficients) else 0
    zeros[0, 0] = 0
    start = int(zeros.argmax())
    return start // BLOCK_PX, start % BLOCK_PX


def _quality_on_grid(luma: FloatArray, *, most: int) -> int | None:
    """Return the quality whose steps the coefficients of blocks that begin in the corner lie on, None for none."""
    coefficients = spectra(luma, most=most).reshape(-1, BLOCK_PX**2)[:, 1:]
    # drawn areas repeat one block over and over, which would count as often
    _, first = np.unique(np.rint(coefficients[:, : 2 * BLOCK_PX]), axis=0, return_index=True)
    coefficients = np.abs(coefficients[first])
    best, best_quality = _LEAST_EVIDENCE, None
    for quality in _QUALITIES:
        steps = jpeg_table(quality)[1:].astype(np.float32)
        multiples = np.rint(coefficients / steps)
        is_used = (multiples >= 1) & (steps >= _LEAST_STEP)
        if int(is_used.sum()) < _LEAST_COEFFICIENTS:
            continue
        distances = np.abs(coefficients - multiples * steps)[is_used]
        evenly = 1 / np.broadcast_to(steps, coefficients.shape)[is_used]
        # how much likelier the distances are with rounding noise about the steps than spread evenly between them
        near = np.exp(-0.5 * (distances / _ROUNDING) ** 2) / (_ROUNDING * np.sqrt(2 * np.pi))
        evidence = float(np.mean(np.log(0.9 * near + 0.1 * evenly) - np.log(evenly)))
        if evidence > best:
            best, best_quality = evidence, quality
    return best_quality
