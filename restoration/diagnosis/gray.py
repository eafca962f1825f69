"""Whether a photo is gray by what it shows, however its file stores it.

Equal channels are gray. So is a photo whose colour is only noise, and what codecs make of it. The line is drawn by the
means of Cb and Cr, in levels of 255: at most 1 over the photo, 1.5 in squares of 32 pixels and 4 in squares of 8, and
more only as far as it scatters like noise, at random and evenly. A tone (sepia, selenium) shifts all of a photo, and a
stamp or a pen stroke stands out: both are colour. In the dark colour is faint, so that only equal channels count there.
"""

from __future__ import annotations

import cv2
import numpy as np

from restoration.arrays import FloatArray

_FROM_RGB = np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], dtype=np.float32)
"""Cb and Cr, ITU-R BT.601."""
_SMALL_PX, _LARGE_PX = 8, 32
_MOST_MEAN_255, _MOST_LARGE_255, _MOST_SMALL_255 = 1.0, 1.5, 4.0
_LARGE_PERCENTILE = 95
_LARGE_DEVIATIONS, _SMALL_DEVIATIONS = (
    0.6,
    5.0,
)  # of the scatter of small squares
_MOST_SCATTER_255 = 4.5
_DARK = 0.2
_NORMAL_MEDIAN = 0.6745  # of the absolute values of a standard normal distribution


def is_gray(pixels: FloatArray) -> bool:
    """Tell whether a photo shows no colour.

    Args:
        pixels: (H, W, 3), range [0, 1].
    """
    if _is_equal(pixels):
        return True
    squares = _squares(pixels, _SMALL_PX)
    if squares.mean() < _DARK:
        return False
    small, large = _chroma_255(squares), _chroma_255(_squares(pixels, _LARGE_PX))
    scatter = float(np.median(np.abs(small))) / _NORMAL_MEDIAN
    return bool(
        scatter <= _MOST_SCATTER_255
        and np.abs(small.mean(axis=(0, 1))).max() <= _MOST_MEAN_255
        and np.percentile(np.abs(large), _LARGE_PERCENTILE) <= _MOST_LARGE_255 + _LARGE_DEVIATIONS * scatter
        and np.abs(small).max() <= _MOST_SMALL_255 + _SMALL_DEVIATIONS * scatter
    )


def _is_equal(pixels: FloatArray) -> bool:
    red, green, blue = (pixels[..., channel] for channel in range(3))
    is_near = all(np.array_equal(each[::31, ::31], green[::31, ::31]) for each in (red, blue))  # saves time
    return is_near and np.array_equal(red, green) and np.array_equal(green, blue)


def _squares(pixels: FloatArray, side_px: int) -> FloatArray:
    width, height = (max(1, side // side_px) for side in pixels.shape[1::-1])
    size = (width, height)
    means: FloatArray = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    return means


def _chroma_255(pixels: FloatArray) -> FloatArray:
    return np.asarray(cv2.transform(pixels, 255 * _FROM_RGB), dtype=np.float32)
