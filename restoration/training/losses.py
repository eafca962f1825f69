"""What training makes small: one number for a batch of restored pictures and their references."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from restoration.training.config import Recipe

_LEAST_ERROR = 0.5 / 255  # what an 8-bit file cannot hold does not count


def pixel_loss(restored: Tensor, reference: Tensor, recipe: Recipe) -> Tensor:
    """Return the recipe's distance between two tensors (B, C, H, W), a scalar."""
    if recipe.loss == "l1":
        return functional.l1_loss(restored, reference)
    if recipe.loss == "l2":
        return functional.mse_loss(restored, reference)
    errors = (restored - reference).abs().mean(dim=(1, 2, 3))
    return (errors + _LEAST_ERROR).log().mean()
