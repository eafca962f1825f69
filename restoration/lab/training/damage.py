"""Degradations of clean patches in training, and the conditioning that the network receives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import cv2
import numpy as np

from restoration.algorithms.harmonic_fill import fill_smoothly
from restoration.arrays import FloatArray, Mask
from restoration.degradations.compose import add_photo_noise
from restoration.degradations.exposure import expose_and_spoil, expose_and_spoil_evenly
from restoration.degradations.jpeg import compress_jpeg
from restoration.degradations.masks import THIN_SHARE, draw_holes, draw_wide_holes
from restoration.degradations.noise import add_gaussian_noise, quantize_8bit
from restoration.degradations.real_noise import add_real_noise, leave_clean
from restoration.degradations.resize import downscale
from restoration.degradations.second_order import degrade_twice
from restoration.lab.training.config import Recipe
from restoration.models.shared.residual import jpeg_level


class Damaged(NamedTuple):
    """A damaged patch (H, W, 3), the level in [0, 1] that the network is told, and a mask (H, W), 1 = lost.

    Of a network with several maps, a level of each. The target is what should come out, None for the clean patch.
    """

    picture: FloatArray
    level: float | tuple[float, ...] = 0.0
    mask: FloatArray | None = None
    target: FloatArray | None = None


_VALIDATION_SIGMA = 25 / 255
_VALIDATION_QUALITY = 20
_VALIDATION_RANGE_255 = (3.0, 30.0)
_COARSE_SHARE = 0.15
_COARSE_FACTORS = (2, 3, 4)
_MOST_SOFT_PX = 1.0  # a coarser pass leaves its fill softer than a shrunk photograph is


def damage(patch: FloatArray, recipe: Recipe, rng: np.random.Generator) -> Damaged:
    """Damage a clean patch, (H, W, 3) in [0, 1], at a random strength."""
    return _RANDOM[recipe.degradation](patch, recipe, rng)


def damage_for_validation(patch: FloatArray, recipe: Recipe, rng: np.random.Generator) -> Damaged:
    """Damage a clean patch, (H, W, 3) in [0, 1], at the middle strength by which runs are compared."""
    if recipe.degradation == "jpeg":
        return Damaged(compress_jpeg(patch, quality=_VALIDATION_QUALITY), jpeg_level(_VALIDATION_QUALITY))
    if recipe.degradation == "dark-dots":
        return Damaged(expose_and_spoil_evenly(patch, rng=rng))
    if recipe.degradation == "holes":
        return _cut_holes(patch, THIN_SHARE, rng)
    if recipe.scale > 1:
        return Damaged(shrink(patch, recipe, rng))
    if recipe.degradation == "real-noise":
        return Damaged(*add_real_noise(patch, rng=rng, sigma_255=_VALIDATION_RANGE_255))
    return Damaged(add_gaussian_noise(patch, rng=rng, sigma=_VALIDATION_SIGMA), _VALIDATION_SIGMA)


def _gaussian(patch: FloatArray, recipe: Recipe, rng: np.random.Generator) -> Damaged:
    sigma = float(rng.uniform(*recipe.sigma_255)) / 255
    return Damaged(add_gaussian_noise(patch, rng=rng, sigma=sigma), sigma)


def _photo_noise(patch: FloatArray, recipe: Recipe, rng: np.random.Generator) -> Damaged:
    return Damaged(*add_photo_noise(patch, rng=rng, sigma=float(rng.uniform(*recipe.sigma_255)) / 255))


def _real_noise(patch: FloatArray, recipe: Recipe, rng: np.random.Generator) -> Damaged:
    if rng.random() < recipe.clean_share:
        picture, levels = leave_clean(patch, rng=rng)
        return Damaged(picture, levels, target=picture)
    return Damaged(*add_real_noise(patch, rng=rng, sigma_255=recipe.sigma_255))


def _jpeg(patch: FloatArray, recipe: Recipe, rng: np.random.Generator) -> Damaged:
    """Compress once, or twice on another grid; colour at half or full resolution, the grid anywhere."""
    quality = int(rng.integers(5, 96) if rng.random() < 0.5 else rng.integers(5, 50))
    full_colour = bool(rng.random() < 0.3)
    damaged, told = patch, quality
    if rng.random() < 0.1:
        earlier = int(rng.integers(quality // 2 + 5, 96))
        damaged, told = _compress_shifted(damaged, earlier, full_colour, rng), min(earlier, quality)
    if rng.random() < 0.3:
        return Damaged(_compress_shifted(damaged, quality, full_colour, rng), jpeg_level(told))
    return Damaged(compress_jpeg(damaged, quality=quality, full_colour=full_colour), jpeg_level(told))


def _compress_shifted(patch: FloatArray, quality: int, full_colour: bool, rng: np.random.Generator) -> FloatArray:
    """Compress as if the patch had been cut from a picture whose blocks begin elsewhere."""
    down, right = (int(shift) for shift in rng.integers(0, 8, 2))
    larger = np.pad(patch, ((down, 0), (right, 0), (0, 0)), mode="symmetric")
    return np.ascontiguousarray(compress_jpeg(larger, quality=quality, full_colour=full_colour)[down:, right:])


def _dark_dots(patch: FloatArray, recipe: Recipe, rng: np.random.Generator) -> Damaged:
    return Damaged(expose_and_spoil(patch, rng=rng))


def shrink(patch: FloatArray, recipe: Recipe, rng: np.random.Generator) -> FloatArray:
    """Return a super-resolution recipe's input for a clean patch whose sides are multiples of `scale`."""
    if recipe.degradation == "second-order":
        return degrade_twice(patch, rng=rng, scale=recipe.scale)
    return quantize_8bit(downscale(patch, scale=recipe.scale))


def _cut_holes(patch: FloatArray, thin_share: tuple[float, float], rng: np.random.Generator) -> Damaged:
    """Cut holes and fill them smoothly, as the model does before its network."""
    mask = draw_holes(*patch.shape[:2], rng=rng, thin_share=thin_share)
    return Damaged(fill_smoothly(patch, mask), mask=mask.astype(np.float32))


def _holes(patch: FloatArray, recipe: Recipe, rng: np.random.Generator) -> Damaged:
    """Cut holes; fill some of them with a picture of less resolution, as a coarser pass would leave them.

    It has half the size where the network is told, by level 1, and any smaller size where it is not.
    """
    if recipe.half_share:
        if rng.random() >= recipe.half_share:
            return _cut_holes(patch, recipe.thin_share, rng)
        mask = draw_wide_holes(*patch.shape[:2], rng=rng)
        coarse = _coarse_in(mask, patch, factor=2, soft_px=float(rng.uniform(0, _MOST_SOFT_PX)))
        return Damaged(coarse, level=1.0, mask=mask.astype(np.float32))
    damaged = _cut_holes(patch, recipe.thin_share, rng)
    if rng.random() >= _COARSE_SHARE or damaged.mask is None:
        return damaged
    factor = int(rng.choice(_COARSE_FACTORS))
    return damaged._replace(picture=_coarse_in(damaged.mask > 0, patch, factor=factor))


def _coarse_in(mask: Mask, patch: FloatArray, *, factor: int, soft_px: float = 0.0) -> FloatArray:
    """Return a patch (H, W, 3) that has less resolution where the mask (H, W) is True.

    Args:
        soft_px: deviation of a Gaussian that smooths it at the smaller size.
    """
    height, width = patch.shape[:2]
    small = cv2.resize(patch, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    if soft_px:
        small = cv2.GaussianBlur(small, (0, 0), soft_px)
    coarse = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
    return np.where(mask[..., None], coarse, patch)


def _shrunk(patch: FloatArray, recipe: Recipe, rng: np.random.Generator) -> Damaged:
    if recipe.light_share and rng.random() < recipe.light_share:
        small = quantize_8bit(downscale(patch, scale=recipe.scale))
        return Damaged(compress_jpeg(small, quality=int(rng.integers(50, 96))) if rng.random() < 0.5 else small)
    return Damaged(shrink(patch, recipe, rng))


_RANDOM: Mapping[str, Callable[[FloatArray, Recipe, np.random.Generator], Damaged]] = {
    "gaussian": _gaussian,
    "photo-noise": _photo_noise,
    "real-noise": _real_noise,
    "jpeg": _jpeg,
    "bicubic": _shrunk,
    "second-order": _shrunk,
    "dark-dots": _dark_dots,
    "holes": _holes,
}
