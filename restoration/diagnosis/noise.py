"""Estimate the noise level of a picture from the statistics of its block spectra.

Noise fills all blocks alike, texture only some, so the calmest blocks of every frequency tell the noise. A small
network, trained on photographs with noise put in, turns the order statistics into levels; it also knows the noise
that cameras correlate and compress, which the estimators for white noise miss. It looks at the picture at its own
size, at half and at a quarter, since grain may be wider than the finest blocks show, and at colour by itself.

Reference:
    Ponomarenko et al., An Automatic Approach to Lossy Compression of AVIRIS Images, 2007,
    doi:10.1109/IGARSS.2007.4422833 (noise from the calmest DCT blocks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from restoration.arrays import FloatArray
from restoration.diagnosis.blocks import BLOCK_PX, count_blocks, spectra

FEATURES = 253
LEVELS = 2
_BANDS = ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 14))
_PERCENTILES = (1, 5, 10, 20, 35, 50, 75)
_CALM_SHARE = 0.1
_LEAST_BLOCKS = 12
_FLOOR_255 = 0.1
_LEVEL_OFFSET_255 = 1.0
_BLACK = 1.5 / 255  # what lies below has lost half of its noise
_LEAST_COEFFICIENTS = 100
_NORMAL_MEDIAN = 0.6745  # of the absolute values of a standard normal distribution


@dataclass(frozen=True)
class NoiseLevelNetwork:
    """A multilayer perceptron with two hidden layers, in NumPy: `weights` (in, out) and `biases` of each layer."""

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, FloatArray]) -> NoiseLevelNetwork:
        """Take the tensors `0.weight`, `0.bias`, `2.weight`, ... of a `torch.nn.Sequential`."""
        layers = sorted({int(name.split(".")[0]) for name in tensors})
        weights = tuple(tensors[f"{layer}.weight"].astype(np.float32).T for layer in layers)
        return cls(weights, tuple(tensors[f"{layer}.bias"].astype(np.float32) for layer in layers))

    def __call__(self, features: FloatArray) -> tuple[float, float]:
        """Return the level, and twice that of the mean over 2x2 pixels, in 0-255 units; of white noise the same."""
        x = features
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = x @ weight + bias
            if index + 1 < len(self.weights):
                x = np.maximum(x, 0)
        fine, coarse = (max(0.0, from_log(float(value))) for value in x)
        return fine, coarse


def features(pixels: FloatArray) -> FloatArray | None:
    """Return what the network looks at, (253,), or None for a picture of too few blocks.

    For each band of frequencies the percentiles, over all blocks, of the logarithm of its strength, and its mean in the
    blocks that are calmest at low frequencies: of the colours at full, half and quarter size, and of their differences
    at full and half size; then how much of the picture is clipped, how gray it is, and how many blocks it has: of a
    few, the calmest are not calm.

    Args:
        pixels: (H, W, 3), range [0, 1].
    """
    planes, clipped = _usable(pixels, least=_LEAST_BLOCKS)
    if not planes:
        return None
    found = [_mean_features(planes), _mean_features(_differences(pixels))]
    size = float(np.log(sum(map(len, planes)) / len(planes)))
    half = _halved(pixels)
    quarter = _halved(half)
    for smaller in (half, quarter):
        planes, _ = _usable(smaller, least=1)
        found.append(_mean_features(planes) if planes else found[-1])
    differences = _differences(half)
    found.append(_mean_features(differences) if len(differences[0]) else found[1])
    colour = float(np.log(np.abs(pixels[..., 0] - pixels[..., 1]).mean() + 1e-3))
    return np.concatenate([*found, [clipped, colour, size]]).astype(np.float32)


def _usable(pixels: FloatArray, *, least: int) -> tuple[list[FloatArray], float]:
    """Return the spectra of the colours that have at least so many blocks, and which share of all is clipped."""
    planes = [spectra(pixels[..., channel]) for channel in range(3)]
    count = count_blocks(*pixels.shape[:2])
    clipped = 1 - sum(map(len, planes)) / max(1, 3 * count)
    usable = [plane for plane in planes if len(plane) >= least]
    if not usable:
        planes = [spectra(pixels[..., channel], keep_clipped=True) for channel in range(3)]
        usable = [plane for plane in planes if len(plane) >= least]
    return usable, clipped


def _differences(pixels: FloatArray) -> list[FloatArray]:
    """Return the spectra of what two colours differ by, of the strength that independent noise has."""
    green = pixels[..., 1]
    scale = np.float32(0.5**0.5)
    return [spectra(scale * (pixels[..., channel] - green), keep_clipped=True) for channel in (0, 2)]


def _halved(pixels: FloatArray) -> FloatArray:
    height, width = (side // 2 * 2 for side in pixels.shape[:2])
    corners = [pixels[row:height:2, column:width:2] for row in (0, 1) for column in (0, 1)]
    return (corners[0] + corners[1] + corners[2] + corners[3]) / np.float32(4)


def _mean_features(planes: Sequence[FloatArray]) -> npt.NDArray[np.float64]:
    return np.asarray(np.mean([_band_features(plane) for plane in planes], axis=0))


def dark_half_noise(pixels: FloatArray) -> float:
    """Return the standard deviation of the noise in the darker half of a picture, in 0-255 units.

    The median of the finest diagonal Haar coefficients there; texture is faint in the dark, so that it misleads little.

    Args:
        pixels: (H, W, 3), range [0, 1].

    Reference:
        Donoho & Johnstone, Ideal Spatial Adaptation by Wavelet Shrinkage, 1994, doi:10.1093/biomet/81.3.425.
    """
    height, width = (side // 2 * 2 for side in pixels.shape[:2])
    corners = [pixels[row:height:2, column:width:2] for row in (0, 1) for column in (0, 1)]
    means = (corners[0] + corners[1] + corners[2] + corners[3]) / 4
    diagonal = np.abs(corners[0] - corners[1] - corners[2] + corners[3]) / 2
    luma = means.mean(axis=2)
    is_dark = luma <= np.median(luma) if luma.size else luma > 0
    levels = []
    for channel in range(pixels.shape[2]):
        usable = is_dark & (means[..., channel] > _BLACK)
        if np.count_nonzero(usable) >= _LEAST_COEFFICIENTS:
            levels.append(float(np.median(diagonal[..., channel][usable])) / _NORMAL_MEDIAN)
    return 255 * sum(levels) / len(levels) if levels else 0.0


def _band_features(plane: FloatArray) -> FloatArray:
    order = np.add.outer(np.arange(BLOCK_PX), np.arange(BLOCK_PX))
    strengths = np.stack(
        [np.sqrt(np.mean(plane[:, (order >= low) & (order <= high)] ** 2, axis=1)) for low, high in _BANDS], axis=1
    )
    logs = np.log(strengths + _FLOOR_255)
    ranks = np.percentile(logs, _PERCENTILES, axis=0)
    calm = logs[np.argsort(logs[:, 0])[: max(_LEAST_BLOCKS, int(_CALM_SHARE * len(logs)))]]
    spread = np.log(np.percentile(np.exp(calm[:, 2]), 90) / np.percentile(np.exp(calm[:, 2]), 10))
    median = np.median(strengths, axis=0)
    return np.concatenate([ranks.ravel(), calm.mean(axis=0), [spread, np.log((median[-1] + 0.1) / (median[0] + 0.1))]])


def to_log(level_255: float) -> float:
    """Return the network's target for a noise level in 0-255 units."""
    return float(np.log(level_255 + _LEVEL_OFFSET_255))


def from_log(value: float) -> float:
    """Undo `to_log`."""
    return float(np.exp(value) - _LEVEL_OFFSET_255)
