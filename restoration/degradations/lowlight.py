"""Underexposed pictures."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from restoration.arrays import FloatArray
from restoration.degradations.jpeg import compress_jpeg
from restoration.degradations.noise import add_camera_noise, quantize_8bit

_GAMMA = 2.2


def darken(
    image: FloatArray, *, rng: np.random.Generator, stops: float, shot: float = 0.0, read: float = 0.0
) -> FloatArray:
    """Reduce the exposure and add camera noise in linear light, then encode again.

    Args:
        image: (H, W, C), range [0, 1], gamma-encoded.
        stops: exposure steps less; every one halves the light. 0 takes none away.
        shot, read: noise as in `add_camera_noise`, in linear light after darkening.
    """
    if stops == 0 and shot == 0 and read == 0:
        return image
    linear = np.clip(image, 0, 1) ** _GAMMA * np.float32(2.0**-stops)
    noisy = add_camera_noise(linear.astype(np.float32), rng=rng, shot=shot, read=read)
    return (np.clip(noisy, 0, 1) ** (1 / _GAMMA)).astype(np.float32)


class Underexposed(NamedTuple):
    """A dark picture as the camera's file holds it, and the same one without its noise; both (H, W, 3) in [0, 1]."""

    noisy: FloatArray
    clean: FloatArray


def underexpose(image: FloatArray, *, rng: np.random.Generator, stops: float, cast_stops: float = 0.0) -> Underexposed:
    """Return a photograph as a random camera would have captured it with less light.

    Light, noise and a colour cast belong to linear light. The camera's tone curve, its smoothing of the noise, the
    rounding to 8 bits and the JPEG compression that follow are random.

    Args:
        image: (H, W, 3), range [0, 1], gamma-encoded.
        stops: exposure steps less; every one halves the light.
        cast_stops: largest difference of a colour's exposure from the others.

    Reference:
        Brooks et al., Unprocessing Images for Learned Raw Denoising, 2019, arXiv:1811.11127 (the order of the steps).
    """
    gamma = float(rng.uniform(1.8, 2.6))
    gains = 2.0 ** (-stops + rng.uniform(-cast_stops, cast_stops, 3)).astype(np.float32)
    linear = (np.clip(image, 0, 1) ** np.float32(gamma) * gains).astype(np.float32)
    noisy = np.clip(linear + _sensor_noise(linear, rng), 0, 1) ** np.float32(1 / gamma)
    clean = np.clip(linear, 0, 1) ** np.float32(1 / gamma)
    if rng.random() < 0.85:
        noisy = quantize_8bit(noisy)
    if rng.random() < 0.4:
        noisy = compress_jpeg(noisy, quality=int(rng.integers(70, 99)))
    return Underexposed(noisy.astype(np.float32), clean.astype(np.float32))


def _sensor_noise(linear: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return shot and read noise of a random strength relative to the mean signal, often smoothed by the camera."""
    noise = rng.standard_normal(linear.shape, dtype=np.float32)
    radius_px = float(rng.uniform(0, 1.0))
    if radius_px > 0.35:  # a narrower kernel is a single pixel
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), radius_px, borderType=cv2.BORDER_REFLECT), dtype=np.float32)
        noise /= max(float(noise.std()), 1e-6)
    mean = max(float(linear.mean()), 1e-6)
    ratio = float(np.exp(rng.uniform(np.log(2.0), np.log(60.0))))
    shot_share = float(rng.uniform(0, 1))
    variance = (mean / ratio) ** 2 * (shot_share * linear / mean + 1 - shot_share)
    return (np.sqrt(variance) * noise).astype(np.float32)
