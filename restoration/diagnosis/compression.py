"""Which JPEG quality a picture's pixels tell.

Reference:
    Fan & de Queiroz, Identification of Bitmap Compression History: JPEG Detection and Quantizer Estimation, 2003,
    doi:10.1109/TIP.2002.807361 (the idea: coefficients lie on the multiples of the steps).
"""

from __future__ import annotations

import numpy as np

from restoration.diagnosis.blocks import BLOCK_PX, spectra
from restoration.images import FloatArray, jpeg_table

_QUALITIES = range(5, 93)
_LEAST_STEP = 3
_ROUNDING = 0.6
_LEAST_COEFFICIENTS = 60
_LEAST_EVIDENCE = 0.35


def quality_of_pixels(luma: FloatArray) -> int | None:
    """Return the libjpeg quality whose steps the coefficients lie on, or None where they lie on none.

    A picture that was saved again, losslessly or at a higher quality, still shows its first compression as long as the
    blocks begin in its corner.

    Args:
        luma: (H, W), range [0, 1].
    """
    coefficients = spectra(luma).reshape(-1, BLOCK_PX**2)[:, 1:]
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
