"""Perceptual similarity by Haar wavelets (HaarPSI)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from restoration.metrics.fidelity import check_shapes

Array = npt.NDArray[np.float64]

_C = 30.0
_ALPHA = 4.2
_SCALES = (1, 2, 3)
_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


def haarpsi(
    restored: npt.NDArray[np.floating],
    reference: npt.NDArray[np.floating],
    *,
    data_range: float = 1.0,
    crop_border: int = 0,
) -> float:
    """Return the Haar wavelet-based perceptual similarity index, 0 to 1; 1 for identical pictures.

    Constants and the halving of the picture are the authors'; they hold for 0-255 units, into which all is converted.

    Args:
        restored, reference: equal shapes, (H, W) or (H, W, 3), at least 16 px on both sides after cropping.
        data_range: distance between black and white.
        crop_border: pixels left out on every side.

    Raises:
        ValueError: the shapes differ, or too little is left after cropping.

    Reference:
        Reisenhofer et al., A Haar Wavelet-Based Perceptual Similarity Index for Image Quality Assessment, 2018,
        arXiv:1607.06140.
    """
    check_shapes(restored, reference, crop_border=crop_border)
    if min(restored.shape[:2]) - 2 * crop_border < 2 ** (_SCALES[-1] + 1):
        raise ValueError(f"HaarPSI needs at least 16 px a side, but the pictures have {restored.shape[:2]}.")
    ours, theirs = (_planes(each, data_range=data_range, crop_border=crop_border) for each in (restored, reference))
    similarities, weights = [], []
    for turned in (False, True):
        first, second = (_magnitudes(planes[0], turned=turned) for planes in (ours, theirs))
        similarities.append(sum(_similarity(a, b) for a, b in zip(first[:2], second[:2], strict=True)) / 2)
        weights.append(np.maximum(first[2], second[2]))
    if len(ours) == 3:
        chroma = [_similarity(_local_mean(a), _local_mean(b)) for a, b in zip(ours[1:], theirs[1:], strict=True)]
        similarities.append((chroma[0] + chroma[1]) / 2)
        weights.append((weights[0] + weights[1]) / 2)
    total = sum(float(weight.sum()) for weight in weights)
    if total == 0:  # no structure in either picture
        return 1.0
    squashed = [1 / (1 + np.exp(-_ALPHA * similarity)) for similarity in similarities]
    mean = sum(float((value * weight).sum()) for value, weight in zip(squashed, weights, strict=True)) / total
    return float((np.log(mean / (1 - mean)) / _ALPHA) ** 2)


def _planes(image: npt.NDArray[np.floating], *, data_range: float, crop_border: int) -> list[Array]:
    """Return luma, and of colour pictures I and Q, in 0-255 units and half the size."""
    height, width = image.shape[:2]
    inner = image[crop_border : height - crop_border, crop_border : width - crop_border].astype(np.float64)
    scaled = inner * (255 / data_range)
    planes = [scaled] if scaled.ndim == 2 else list(np.moveaxis(scaled @ _TO_YIQ.T, 2, 0))
    return [_centred(plane, np.full((2, 2), 0.25))[::2, ::2] for plane in planes]


def _magnitudes(plane: Array, *, turned: bool) -> list[Array]:
    """Return the magnitudes of one orientation's Haar coefficients, finest first."""
    found = []
    for scale in _SCALES:
        kernel = np.full((2**scale, 2**scale), 2.0**-scale)
        kernel[: len(kernel) // 2] *= -1
        found.append(np.abs(_centred(plane, kernel.T if turned else kernel)))
    return found


def _local_mean(plane: Array) -> Array:
    return np.abs(_centred(plane, np.full((2, 2), 0.25)))


def _centred(plane: Array, kernel: Array) -> Array:
    """Convolve, zeros beyond the border; kernels of even sides reach further to the right and below.

    That is how the authors' programs place them; SciPy's own "same" is a pixel off.
    """
    from scipy.signal import convolve2d  # takes a second to import, and most that import this room need only PSNR

    top, left = (side // 2 for side in kernel.shape)
    height, width = plane.shape
    return np.asarray(convolve2d(plane, kernel)[top : top + height, left : left + width])


def _similarity(first: Array, second: Array) -> Array:
    return np.asarray((2 * first * second + _C) / (first**2 + second**2 + _C))
