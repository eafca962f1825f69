"""Pixel losses: one number for a batch of restored pictures and their references."""

from __future__ import annotations

from torch import Tensor

from restoration.lab.training.config import Recipe

_LEAST_ERROR = 0.5 / 255  # what an 8-bit file cannot hold does not count


def pixel_loss(restored: Tensor, reference: Tensor, recipe: Recipe, *, mask: Tensor | None = None) -> Tensor:
    """Return the recipe's distance between two tensors (B, C, H, W), a scalar.

    Args:
        mask: (B, 1, H, W), 1 where pixels were lost: only these count, and each picture as much as any other.
    """
    if recipe.loss == "l2":
        return per_picture((restored - reference) ** 2, mask).mean()
    if recipe.loss == "rms":
        return (per_picture((restored - reference) ** 2, mask) + _LEAST_ERROR**2).sqrt().mean()
    errors = per_picture((restored - reference).abs(), mask)
    return errors.mean() if recipe.loss == "l1" else (errors + _LEAST_ERROR).log().mean()


def per_picture(errors: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the mean of (B, C, H, W) over each picture, or over its lost pixels, as (B,)."""
    if mask is None:
        return errors.mean(dim=(1, 2, 3))
    return (errors * mask).sum(dim=(1, 2, 3)) / (errors.shape[1] * mask.sum(dim=(1, 2, 3))).clamp_min(1)
