"""Bayer mosaics: taking one colour per pixel, and finding the other two again.

Reference:
    Malvar, He & Cutler, High-Quality Linear Interpolation for Demosaicing of Bayer-Patterned Color Images, 2004,
    doi:10.1109/ICASSP.2004.1326587.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from restoration.arrays import FloatArray

Demosaicing = Literal["bilinear", "malvar", "edge-aware"]

_WHITE_16BIT = 65535.0
_HEADROOM = 0.1
"""Noise goes below black and above white; in 16 bits that share of the range is left on both sides."""

_BILINEAR_GREEN = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4
_BILINEAR_OTHERS = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4
_GREEN = np.array([[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]]) / 8
_ALONG_ROW = (
    np.array([[0, 0, 0.5, 0, 0], [0, -1, 0, -1, 0], [-1, 4, 5, 4, -1], [0, -1, 0, -1, 0], [0, 0, 0.5, 0, 0]]) / 8
)
_ACROSS = (
    np.array([[0, 0, -1.5, 0, 0], [0, 2, 0, 2, 0], [-1.5, 0, 6, 0, -1.5], [0, 2, 0, 2, 0], [0, 0, -1.5, 0, 0]]) / 8
)


def mosaic(image: FloatArray) -> FloatArray:
    """Return what a sensor under an RGGB filter sees of (H, W, 3), as (H, W): red in the first pixel."""
    seen = image[..., 1].copy()
    seen[::2, ::2] = image[::2, ::2, 0]
    seen[1::2, 1::2] = image[1::2, 1::2, 2]
    return seen


def demosaic(seen: FloatArray, *, kind: Demosaicing) -> FloatArray:
    """Return (H, W, 3) of an RGGB mosaic (H, W) whose sides are even.

    Args:
        seen: range [0, 1]; the linear kinds take any range.
        kind: "edge-aware" looks along edges, in 16 bits; the others are linear.
    """
    if kind == "bilinear":
        return _bilinear(seen)
    return _malvar(seen) if kind == "malvar" else _edge_aware(seen)


def _filter(plane: FloatArray, kernel: npt.NDArray[np.floating]) -> FloatArray:
    return np.asarray(cv2.filter2D(plane, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT_101), dtype=np.float32)


def _bilinear(seen: FloatArray) -> FloatArray:
    planes = np.zeros((*seen.shape, 3), np.float32)
    planes[::2, ::2, 0] = seen[::2, ::2]
    planes[::2, 1::2, 1] = seen[::2, 1::2]
    planes[1::2, ::2, 1] = seen[1::2, ::2]
    planes[1::2, 1::2, 2] = seen[1::2, 1::2]
    kernels = (_BILINEAR_OTHERS, _BILINEAR_GREEN, _BILINEAR_OTHERS)
    return np.stack([_filter(planes[..., c], kernel) for c, kernel in enumerate(kernels)], axis=2)


def _malvar(seen: FloatArray) -> FloatArray:
    green, row, column, across = (_filter(seen, kernel) for kernel in (_GREEN, _ALONG_ROW, _ALONG_ROW.T, _ACROSS))
    red, blue = seen.copy(), seen.copy()
    green[::2, 1::2], green[1::2, ::2] = seen[::2, 1::2], seen[1::2, ::2]
    red[::2, 1::2], red[1::2, ::2], red[1::2, 1::2] = row[::2, 1::2], column[1::2, ::2], across[1::2, 1::2]
    blue[1::2, ::2], blue[::2, 1::2], blue[::2, ::2] = row[1::2, ::2], column[::2, 1::2], across[::2, ::2]
    return np.stack([red, green, blue], axis=2)


def _edge_aware(seen: FloatArray) -> FloatArray:
    span = _WHITE_16BIT / (1 + 2 * _HEADROOM)
    samples = np.rint(np.clip((seen + _HEADROOM) * span, 0, _WHITE_16BIT)).astype(np.uint16)
    # OpenCV names a pattern by its second row and column: this one is what others call RGGB, in RGB order
    found = cv2.demosaicing(samples, cv2.COLOR_BayerBG2RGB_EA)
    return found.astype(np.float32) / np.float32(span) - np.float32(_HEADROOM)
