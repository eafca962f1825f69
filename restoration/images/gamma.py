"""The gamma that a PNG file names instead of a profile.

Reference:
    W3C, Portable Network Graphics Specification, third edition, 2025, gAMA and decoder gamma handling;
    IEC 61966-2-1 (the curve of sRGB).
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from restoration.arrays import FloatArray

_USUAL_GAMMA = 1 / 2.2
_LEAST_DIFFERENCE = 0.05  # libpng, too, takes less for rounding
_LEAST_GAMMA, _LARGEST_GAMMA = 0.1, 10.0
_STRIP_SAMPLES = 1_000_000


def gamma_of(image: Image.Image) -> float | None:
    """Return the power that made the samples of the intensities, or None where they are sRGB, or near enough.

    What is far from all real values is ignored, as is a gamma beside the chunk that says sRGB.
    """
    gamma = image.info.get("gamma")
    if not isinstance(gamma, float) or "srgb" in image.info or not _LEAST_GAMMA <= gamma <= _LARGEST_GAMMA:
        return None
    return gamma if abs(gamma / _USUAL_GAMMA - 1) >= _LEAST_DIFFERENCE else None


def to_srgb(pixels: FloatArray, *, gamma: float) -> FloatArray:
    """Return samples of that gamma, range [0, 1], with the curve of sRGB."""
    encoded = np.empty_like(pixels)
    rows = max(1, _STRIP_SAMPLES // max(1, pixels[0].size))
    for top in range(0, len(pixels), rows):
        light = pixels[top : top + rows] ** np.float32(1 / gamma)
        curved = np.float32(1.055) * light ** np.float32(1 / 2.4) - np.float32(0.055)
        encoded[top : top + rows] = np.where(light <= 0.0031308, np.float32(12.92) * light, curved)
    return encoded
