"""Choose the target brightness of a picture.

Photographs that are exposed well have a mean luma near 0.45, whatever they show (the references of SICE: 0.45, with a
deviation of 0.05 that nothing in the dark picture foretells); what is darker may be meant so. Two numbers tell the
difference: the mean, and how bright the brightest places are. Lamps in the night would be lost in a fog if the dark
around them became as bright as day, so that pictures whose brightest places lie far above the median get less. And what
is black all over has nothing to show: a picture of which more than a third is so gets less, too.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from restoration.arrays import FloatArray
from restoration.images import gray_of

_USUAL = 0.45
_MEAN_WEIGHT, _HIGHLIGHT_WEIGHT, _BIAS = -7.75, -4.09, -9.58
"""Of a logistic regression on 283 dark pictures of SICE with well exposed partners and on 661 photographs, which count
as much as the dark ones together: who asks for more light is as likely right as not."""
_WIDE_STOPS, _MOST_STOPS, _LESS_PER_STOP = 3.0, 6.0, 0.04
_TOE = 0.02
_BLACK, _BLACK_SQUARE_PX = 2 / 255, 16
_MOST_BLACK = 1 / 3  # of a picture; in the dark pictures of LOL, LIME and SICE it is a quarter at most
_LEAST_SHOWN = 0.15
_CERTAIN = 0.25  # below this the picture is taken as meant
_MOST_SAMPLES = 1_000_000


def wanted_brightness(pixels: FloatArray) -> float:
    """Return the target mean luma of a picture, in (0, 1); its own if it is not underexposed.

    Args:
        pixels: (H, W, 3), range [0, 1].
    """
    step = max(1, math.isqrt(pixels.shape[0] * pixels.shape[1] // _MOST_SAMPLES))
    luma = gray_of(pixels[::step, ::step])
    mean, highlight = float(luma.mean()), float(np.percentile(luma, 99))
    evidence = _BIAS + _MEAN_WEIGHT * math.log(mean + _TOE) + _HIGHLIGHT_WEIGHT * math.log(highlight + _TOE)
    share = 1 / (1 + math.exp(-evidence))
    stops = math.log2((highlight + _TOE) / (float(np.median(luma)) + _TOE))
    usual = _USUAL - _LESS_PER_STOP * (min(max(stops, _WIDE_STOPS), _MOST_STOPS) - _WIDE_STOPS)
    usual *= min(1.0, max(_LEAST_SHOWN, (1 - _black_share(luma)) / (1 - _MOST_BLACK)))
    if mean >= usual or share < _CERTAIN:
        return mean
    return float(max(mean, _TOE) ** (1 - share) * usual**share)


def _black_share(luma: FloatArray) -> float:
    """Return the share of blocks that are black apart from noise."""
    size = [max(1, side // _BLACK_SQUARE_PX) for side in luma.shape[::-1]]
    return float(np.mean(cv2.resize(luma, size, interpolation=cv2.INTER_AREA) < _BLACK))
