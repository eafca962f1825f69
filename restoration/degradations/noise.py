"""Noise that cameras, transmission and scanners add."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def add_gaussian_noise(image: FloatArray, *, rng: np.random.Generator, sigma: float) -> FloatArray:
    """Add white Gaussian noise to every channel.

    Args:
        image: (H, W, C), range [0, 1].
        sigma: standard deviation in [0, 1] units; 0 returns the image unchanged.

    Returns:
        The noisy image, not clipped: papers score on unclipped noise.
    """
    if sigma == 0:
        return image
    return image + sigma * rng.standard_normal(image.shape, dtype=np.float32)
