"""A model that ships, or one of the user's own, as the teacher of a smaller network.

Reference:
    Hinton et al., Distilling the Knowledge in a Neural Network, 2015, arXiv:1503.02531. Where a teacher redraws
    texture, its answer is one certain picture, which a plain loss can teach, while the many photographs that fit a
    damaged one teach only their blurred mean.
"""

from __future__ import annotations

import torch
from torch import Tensor

from restoration import own_models
from restoration.errors import InvalidParameter, InvalidRequest
from restoration.manifest import load_manifest
from restoration.models.base import Restorer
from restoration.parameters import complete, in_model_units
from restoration.registry import Registry
from restoration.training.config import Teaching
from restoration.types import Parameters


class Teacher:
    """What a model makes of damaged pictures, and the share of the loss that its answers have."""

    def __init__(self, restorer: Restorer, parameters: Parameters, *, share: float) -> None:
        self._restorer = restorer
        self._parameters = parameters
        self.share = share

    def __call__(self, damaged: Tensor) -> Tensor:
        """Return the model's answer in [0, 1] to (B, 3, H, W) of the same range."""
        with torch.no_grad():
            answer = self._restorer.restore(damaged, parameters=[self._parameters] * len(damaged))
        return answer.float().clamp(0, 1)


def build_teacher(teaching: Teaching, *, scale: int, device: torch.device) -> Teacher:
    """Return the model that a recipe names, loaded.

    Args:
        teaching: the model and its parameters.
        scale: by how much the learning network enlarges.

    Raises:
        InvalidRequest: no such model exists, or it enlarges by another factor.
        InvalidParameter: the model does not take these parameters, or measures one that the recipe does not give.
        ModelUnavailable: its weights cannot be had.
    """
    info = next((info for info in (*load_manifest(), *own_models.load()) if info.id == teaching.model), None)
    if info is None:
        raise InvalidRequest(
            f'Teacher "{teaching.model}" is not a model here; `python -m restoration models` lists those that are, '
            "`add` registers a file."
        )
    parameters = complete(info, teaching.parameters)
    for param in info.params:
        if param.auto_from not in ("", "views") and parameters[param.name] == 0:
            message = f'Teacher "{teaching.model}" would measure {param.name} in every picture; give it in [teaching].'
            raise InvalidParameter(message, name=param.name)
    restorer = Registry(device).load(info, parameters, precision="auto").restorer
    if restorer.contract.scale != scale:
        raise InvalidRequest(
            f'Teacher "{teaching.model}" enlarges by {restorer.contract.scale}, the recipe by {scale}; use another one.'
        )
    return Teacher(restorer, in_model_units(info, parameters), share=teaching.share)
