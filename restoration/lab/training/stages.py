"""Losses of inpainting networks with several stages."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from restoration.lab.training.config import Recipe
from restoration.lab.training.dataset import Batch
from restoration.lab.training.objectives import StagedNetwork, restored_and_reference


def answers_and_reference(network: nn.Module, batch: Batch, recipe: Recipe) -> tuple[list[Tensor], Tensor]:
    """Return all answers of a network to a batch, of which the last is the result, and what they should be.

    Returns:
        float32 tensors of one shape, range [0, 1]; more than one answer from networks with stages alone.
    """
    if not isinstance(network, StagedNetwork):
        restored, reference = restored_and_reference(network, batch, recipe)
        return [restored], reference
    assert batch.mask is not None, "networks with stages need a degradation that cuts holes"
    return [answer.float() for answer in network.stages(batch.lq, batch.mask, batch.level)], batch.gt


def completed(answer: Tensor, batch: Batch) -> Tensor:
    """Return an answer with every known pixel as it was; the answer itself where the task has no mask."""
    return answer if batch.mask is None else torch.lerp(batch.gt, answer, batch.mask)
