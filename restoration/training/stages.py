"""Networks that fill what is lost in several stages: what each stage is compared with.

Such a network has a method `stages(picture, mask)`, which returns one raw answer (B, 3, H, W) per stage, and its
call returns the last of them with every known pixel as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from restoration.training.config import Recipe
from restoration.training.dataset import Batch
from restoration.training.objectives import restored_and_reference


class StagedNetwork(Protocol):
    """What the objective "stages" asks of a network."""

    def stages(self, picture: Tensor, mask: Tensor) -> Sequence[Tensor]:
        """Return the raw answers, first stage first."""


def answers_and_reference(network: nn.Module, batch: Batch, recipe: Recipe) -> tuple[list[Tensor], Tensor]:
    """Return all answers of a network to a batch, of which the last is the result, and what they should be.

    Returns:
        float32 tensors of one shape, range [0, 1]; more than one answer under the objective "stages" alone.
    """
    if recipe.objective != "stages":
        restored, reference = restored_and_reference(network, batch, recipe)
        return [restored], reference
    assert batch.mask is not None
    answers = cast("StagedNetwork", network).stages(batch.lq, batch.mask)
    return [answer.float() for answer in answers], batch.gt


def completed(answer: Tensor, batch: Batch) -> Tensor:
    """Return an answer with every known pixel as it was; the answer itself where the task has no mask."""
    return answer if batch.mask is None else torch.lerp(batch.gt, answer, batch.mask)
