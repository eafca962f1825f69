"""Brightening of dark pictures: gamma and contrast-limited adaptive histogram equalisation of luminance.

Reference:
    Zuiderveld, Contrast Limited Adaptive Histogram Equalization, 1994, Graphics Gems IV, pp. 474-485.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from restoration.arrays import FloatArray, Mask
from restoration.models.shared.contract import Contract
from restoration.models.shared.restorers import ArrayRestorer
from restoration.types import Parameters

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_TARGET_MEAN = 0.5
_LOWEST_GAMMA = 0.25
_LARGEST_GAIN = 12.0
_GRID = (8, 8)
_TINY = 1e-3
_TOE = 0.015  # luminance below which there is hardly more than noise: it is brightened less
_CHROMA_SHARE = 0.85  # of the gain in the exponent: a full share makes dark colours garish


class Clahe(ArrayRestorer):
    """Change luminance only and multiply the colours by its gain, so that hues stay as they are."""

    def restore_array(self, image: FloatArray, *, parameters: Parameters, mask: Mask | None = None) -> FloatArray:
        strength = float(parameters["strength"])
        luminance = np.clip(image @ _LUMA, 0, 1)
        calm = _calm(luminance)
        brightened = calm ** _gamma(luminance, float(parameters["gamma"]))
        wanted = _equalised(brightened, float(parameters["clip_limit"]))
        target = calm + strength * (wanted - calm)
        share = calm / (calm + _TOE)
        gain = np.clip(1 + share * ((target + _TINY) / (calm + _TINY) - 1), 0, _LARGEST_GAIN)
        gray = (luminance * gain)[..., None]
        chroma = (image - luminance[..., None]) * (gain**_CHROMA_SHARE)[..., None]
        return _within_range(gray + chroma, luminance * gain)


def _calm(luminance: FloatArray) -> FloatArray:
    """Return luminance without its noise but with its edges: the gain must follow the light, not the grain."""
    median = cv2.medianBlur(cv2.medianBlur(luminance, 5), 5)
    return np.clip(median, 0, 1)


def _gamma(luminance: FloatArray, wanted: float) -> float:
    """Return the exponent asked for, or with 0 the one that brings the mean to middle gray, never darkening."""
    if wanted > 0:
        return wanted
    mean = float(np.clip(luminance.mean(), 1e-3, 0.999))
    return float(np.clip(math.log(_TARGET_MEAN) / math.log(mean), _LOWEST_GAMMA, 1.0))


def _equalised(luminance: FloatArray, clip_limit: float) -> FloatArray:
    """Equalise with 16-bit steps, so that a brightened dark picture shows no bands; limit 0 leaves it as it is."""
    if clip_limit == 0 or min(luminance.shape) < max(_GRID):
        return luminance
    steps = np.rint(luminance * 65535).astype(np.uint16)
    return cv2.createCLAHE(clipLimit=clip_limit, tileGridSize=_GRID).apply(steps).astype(np.float32) / np.float32(65535)


def _within_range(colours: FloatArray, luminance: FloatArray) -> FloatArray:
    """Pull colours above 1 towards their gray, which keeps luminance and hue where clipping would bend them."""
    gray = np.clip(luminance, 0, 1)[..., None]
    highest = colours.max(axis=2, keepdims=True)
    saturation = np.where(highest > 1, (1 - gray) / np.maximum(highest - gray, _TINY), 1)
    return (gray + (colours - gray) * np.clip(saturation, 0, 1)).astype(np.float32)


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> Clahe:
    """Build the method; it has neither configuration nor weights."""
    return Clahe(Contract(tiling="internal", runs_on_device=False))
