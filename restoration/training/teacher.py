"""A model that ships, or one of the user's own, as the teacher of a smaller network.

Reference:
    Hinton et al., Distilling the Knowledge in a Neural Network, 2015, arXiv:1503.02531. Where a teacher redraws
    texture, its answer is one certain picture, which a plain loss can teach, while the many photographs that fit a
    damaged one teach only their blurred mean.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from restoration import own_models
from restoration.errors import InvalidRequest
from restoration.manifest import load_manifest
from restoration.parameters import complete, in_model_units
from restoration.registry import Registry
from restoration.training.config import Teaching

Teacher = Callable[[Tensor], Tensor]


def build_teacher(teaching: Teaching, *, scale: int, device: torch.device) -> Teacher:
    """Return a function from damaged pictures, (B, 3, H, W), to what the model makes of them, in [0, 1].

    Args:
        teaching: the model and its parameters.
        scale: by how much the learning network enlarges.

    Raises:
        InvalidRequest: no such model exists, or it enlarges by another factor.
        InvalidParameter: the model does not take these parameters.
        ModelUnavailable: its weights cannot be had.
    """
    info = next((info for info in (*load_manifest(), *own_models.load()) if info.id == teaching.model), None)
    if info is None:
        raise InvalidRequest(
            f'Teacher "{teaching.model}" is not a model here; `python -m restoration models` lists those that are, '
            "`add` registers a file."
        )
    parameters = complete(info, teaching.parameters)
    restorer = Registry(device).load(info, parameters, precision="auto").restorer
    if restorer.contract.scale != scale:
        raise InvalidRequest(
            f'Teacher "{teaching.model}" enlarges by {restorer.contract.scale}, the recipe by {scale}; use another one.'
        )
    told = in_model_units(info, parameters)

    def teach(damaged: Tensor) -> Tensor:
        with torch.no_grad():
            return restorer.restore(damaged, parameters=[told] * len(damaged)).float().clamp(0, 1)

    return teach
