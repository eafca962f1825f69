"""Objectives: turn a network's output into the restored picture that is compared with the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from restoration.lab.training.config import Recipe
from restoration.lab.training.dataset import Batch
from restoration.models.edsr import upsample_skip
from restoration.models.srcnn import luma
from restoration.networks.layers import upsample_bicubic

_SHAVED_PX = 6


@runtime_checkable
class StagedNetwork(Protocol):
    """What a network with stages has besides its call."""

    def stages(self, picture: Tensor, mask: Tensor, is_half_known: Tensor | None = None) -> Sequence[Tensor]:
        """Return a raw answer (B, 3, H, W) per stage, the last one that of the call.

        Args:
            is_half_known: (B, 1, 1, 1), 1 = the holes are filled as a picture of half the size has them.
        """


def restored_and_reference(network: nn.Module, batch: Batch, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """Return what the network makes of a batch and what it should be, two float32 tensors of one shape in [0, 1]."""
    return _OBJECTIVES[objective_of(recipe)](network, batch, recipe)


def objective_of(recipe: Recipe) -> str:
    """Return the objective that a recipe names, or else the usual one of its task."""
    return recipe.objective or ("detail" if recipe.scale > 1 else "residual")


def _residual(network: nn.Module, batch: Batch, recipe: Recipe) -> tuple[Tensor, Tensor]:
    damage: Tensor = network(batch.lq, batch.level)
    return batch.lq - damage.float(), batch.gt


def _detail(network: nn.Module, batch: Batch, recipe: Recipe) -> tuple[Tensor, Tensor]:
    detail: Tensor = network(batch.lq)
    return upsample_skip(batch.lq, recipe.scale) + detail.float(), batch.gt


def _fill(network: nn.Module, batch: Batch, recipe: Recipe) -> tuple[Tensor, Tensor]:
    assert batch.mask is not None, "this objective needs a degradation that cuts holes"
    told = (batch.level,) if isinstance(network, StagedNetwork) else ()
    damage: Tensor = network(batch.lq, batch.mask, *told)
    return batch.lq - batch.mask * damage.float(), batch.gt


def _direct(network: nn.Module, batch: Batch, recipe: Recipe) -> tuple[Tensor, Tensor]:
    restored: Tensor = network(batch.lq)
    return restored.float(), batch.gt


def _luma(network: nn.Module, batch: Batch, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """Compare Y as the test protocol does: without a border, where the network sees padding."""
    coarse = luma(upsample_bicubic(batch.lq, recipe.scale))
    detail: Tensor = network(coarse)
    return _shaved(coarse + detail.float()), _shaved(luma(batch.gt))


def _upsampled(network: nn.Module, batch: Batch, recipe: Recipe) -> tuple[Tensor, Tensor]:
    coarse = upsample_bicubic(batch.lq, recipe.scale)
    damage: Tensor = network(coarse, batch.level)
    return coarse - damage.float(), batch.gt


def _shaved(picture: Tensor) -> Tensor:
    return picture[..., _SHAVED_PX:-_SHAVED_PX, _SHAVED_PX:-_SHAVED_PX]


def _lift(network: nn.Module, batch: Batch, recipe: Recipe) -> tuple[Tensor, Tensor]:
    lifted: Tensor
    with torch.autocast(batch.lq.device.type, enabled=False):  # curves in bfloat16 would show bands
        lifted, _ = network(batch.lq, batch.level)
    return lifted, batch.gt


_OBJECTIVES: Mapping[str, Callable[[nn.Module, Batch, Recipe], tuple[Tensor, Tensor]]] = {
    "residual": _residual,
    "detail": _detail,
    "direct": _direct,
    "luma": _luma,
    "upsampled": _upsampled,
    "fill": _fill,
    "lift": _lift,
}
