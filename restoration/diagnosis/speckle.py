"""Detect noise proportional to the signal (speckle) and estimate its level.

The finest diagonal Haar coefficients hold more noise than picture. Their spread among pixels of like brightness says
how the variance of the noise grows with the signal: not at all (white noise), linearly (photons), or by the square.

Reference:
    Foi et al., Practical Poissonian-Gaussian Noise Modeling and Fitting for Single-Image Raw-Data, 2008,
    doi:10.1109/TIP.2008.2001399 (spread over brightness, and a curve fitted to it).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np

from restoration.arrays import FloatArray

_BINS = 10
_LEAST_COEFFICIENTS = 100  # of a bin
_LEAST_BINS = 5
_PERCENTILE = 35  # texture makes large coefficients, so that low percentiles tell noise better
_NORMAL_PERCENTILE = 0.4538  # of the absolute values of a standard normal distribution
_SMOOTHING_PX = 1.5
_MOST_MISFIT = 0.35  # relative; texture follows no curve
_FOUND = (0.35, 1.2)  # of what the speckle would be, by the other estimate: less is texture, more is blotchy noise
_LEAST_SHARE = 0.7
_LEAST_RANGE = 1.5
_LEAST_LEVEL_255 = 6.0
_TINY = 1e-8


def level(pixels: FloatArray, *, measure_noise_255: Callable[[], float]) -> float | None:
    """Return the noise's standard deviation at white, in 0-255 units; None if it is not proportional to the signal.

    Args:
        pixels: (H, W, 3), range [0, 1].
        measure_noise_255: another estimate, of the noise as a whole; asked only where this one finds speckle.
    """
    from scipy.optimize import nnls  # takes a second to import, and every command imports this room

    spreads = _spreads(pixels)
    if len(spreads) < _LEAST_BINS:
        return None
    values, variances = np.array(spreads).T
    curve = np.stack([np.ones_like(values), values, values**2], axis=1)
    weights, misfit = nnls(curve / variances[:, None], np.ones_like(variances))
    middle = float(np.mean(values))
    share = weights[2] * middle**2 / max(float(weights @ np.array([1, middle, middle**2])), _TINY)
    found_255 = 255 * float(np.sqrt(weights[2]))
    is_curve = misfit <= _MOST_MISFIT * len(values) ** 0.5 and values[-1] >= _LEAST_RANGE * values[0]
    if not is_curve or share < _LEAST_SHARE or found_255 < _LEAST_LEVEL_255:
        return None
    return found_255 if _FOUND[0] <= measure_noise_255() / (found_255 * middle) <= _FOUND[1] else None


def _spreads(pixels: FloatArray) -> list[tuple[float, float]]:
    """Return (brightness, variance of the noise) of pixels of like brightness, dark ones first."""
    height, width = (side // 2 * 2 for side in pixels.shape[:2])
    corners = [pixels[row:height:2, column:width:2] for row in (0, 1) for column in (0, 1)]
    means = (corners[0] + corners[1] + corners[2] + corners[3]) / 4
    diagonal = np.abs(corners[0] - corners[1] - corners[2] + corners[3]) / 2
    if means.size == 0:
        return []
    brightness = cv2.GaussianBlur(means.mean(axis=2), (0, 0), _SMOOTHING_PX)
    edges = np.quantile(brightness, np.linspace(0, 1, _BINS + 1))
    found = []
    for low, high in pairwise(edges):
        inside = (brightness >= low) & (brightness <= high)
        if np.count_nonzero(inside) >= _LEAST_COEFFICIENTS:
            spread = float(np.percentile(diagonal[inside], _PERCENTILE)) / _NORMAL_PERCENTILE
            found.append((float(brightness[inside].mean()), max(spread**2, _TINY)))
    return found
