"""Noise of cameras, transmission and scanners."""

from __future__ import annotations

import numpy as np

from restoration.arrays import FloatArray


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


def add_camera_noise(image: FloatArray, *, rng: np.random.Generator, shot: float, read: float) -> FloatArray:
    """Add signal-dependent noise with variance `shot * value + read ** 2` (the Gaussian form of Poisson noise).

    Args:
        shot: noise per signal, in [0, 1] units; 0 for none.
        read: standard deviation in the dark, in [0, 1] units; 0 for none.

    Reference:
        Foi et al., Practical Poissonian-Gaussian Noise Modeling and Fitting for Single-Image Raw-Data, 2008,
        doi:10.1109/TIP.2008.2001399.
    """
    if shot == 0 and read == 0:
        return image
    sigma = np.sqrt(shot * np.clip(image, 0, 1) + read**2)
    return image + sigma * rng.standard_normal(image.shape, dtype=np.float32)


def add_poisson_noise(image: FloatArray, *, rng: np.random.Generator, photons: float) -> FloatArray:
    """Replace every sample by a Poisson count with mean `image * photons`.

    Args:
        image: (H, W, C), range [0, 1].
        photons: counts that make white; the more, the less noise.

    Returns:
        Counts divided by `photons`, not clipped.
    """
    counts = rng.poisson(np.clip(image, 0, 1).astype(np.float64) * photons)
    return np.asarray(counts / photons, dtype=np.float32)


def add_speckle_noise(image: FloatArray, *, rng: np.random.Generator, sigma: float) -> FloatArray:
    """Multiply every sample by a Gaussian of mean 1 and standard deviation `sigma`; 0 changes nothing; not clipped."""
    if sigma == 0:
        return image
    return image + image * np.float32(sigma) * rng.standard_normal(image.shape, dtype=np.float32)


def add_salt_and_pepper(image: FloatArray, *, rng: np.random.Generator, ratio: float) -> FloatArray:
    """Set a share of pixels to white or black, all channels together, half of them each.

    Args:
        ratio: share of damaged pixels, 0 to 1.
    """
    draw = rng.random(image.shape[:2])
    damaged = np.where((draw < ratio / 2)[..., None], np.float32(0), image)
    return np.where(((draw >= ratio / 2) & (draw < ratio))[..., None], np.float32(1), damaged)


def quantize_8bit(image: FloatArray, *, rng: np.random.Generator | None = None) -> FloatArray:
    """Clip and round to the 256 values that an 8-bit file holds; `rng` is not used."""
    return (np.rint(np.clip(image, 0, 1) * 255) / 255).astype(np.float32)
