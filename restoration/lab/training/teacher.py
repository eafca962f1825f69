"""A model that ships, or one of the user's own, as the teacher of a smaller network.

Reference:
    Hinton et al., Distilling the Knowledge in a Neural Network, 2015, arXiv:1503.02531. Where a teacher redraws
    texture, its answer is one certain picture, which a plain loss can teach, while the many photographs that fit a
    damaged one teach only their blurred mean.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from restoration.catalogue import own_models
from restoration.catalogue.manifest import load_manifest
from restoration.catalogue.parameters import complete, in_model_units
from restoration.catalogue.registry import Registry
from restoration.engine.local.padding import pad_to_rule
from restoration.errors import InvalidParameter, InvalidRequest
from restoration.lab.training.config import Teaching
from restoration.lab.training.dataset import to_tensor
from restoration.models.shared.contract import Restorer
from restoration.models.shared.restorers import NetworkRestorer
from restoration.models.spandrel_models import CommunityRestorer
from restoration.service.choice import NON_COMMERCIAL_VARIABLE, offers_non_commercial
from restoration.types import Parameters


class Teacher:
    """What a model makes of damaged pictures, given to it as the engine gives them."""

    def __init__(self, restorer: Restorer, parameters: Parameters) -> None:
        self._restorer = restorer
        self._parameters = parameters

    @property
    def network(self) -> nn.Module:
        """The model's network.

        Raises:
            InvalidRequest: it has none.
        """
        if not isinstance(self._restorer, NetworkRestorer | CommunityRestorer):
            raise InvalidRequest("The teacher has no network whose layers could be looked at; use another one.")
        return self._restorer.network

    def __call__(self, damaged: Tensor) -> Tensor:
        """Return the model's answer in [0, 1] to (B, 3, H, W) of the same range."""
        contract = self._restorer.contract
        padded = [
            pad_to_rule(
                picture,
                multiple=contract.size_multiple,
                minimum=contract.size_minimum,
                margins=(contract.border_px,) * 4,
            )
            for picture in damaged.permute(0, 2, 3, 1).float().cpu().numpy()
        ]
        with torch.no_grad():
            answer = self._restorer.restore(
                to_tensor(padded).to(damaged.device), parameters=[self._parameters] * len(damaged)
            )
        first = contract.scale * contract.border_px
        height, width = (contract.scale * side for side in damaged.shape[2:])
        cropped = answer[..., first : first + height, first : first + width]
        return cropped.to(damaged.device).float().clamp(0, 1)


def build_teacher(teaching: Teaching, *, scale: int, device: torch.device) -> Teacher:
    """Return the model that a recipe names, loaded in float32.

    Args:
        teaching: the model and its parameters.
        scale: by how much the learning network enlarges.

    Raises:
        InvalidRequest: no such model exists, its weights are not for commercial use and nobody asked for such, it
            needs more than one look at a picture, or it enlarges by another factor.
        InvalidParameter: the model does not take these parameters, or measures one that the recipe does not give.
        ModelUnavailable: its weights cannot be had.
    """
    info = next((info for info in (*load_manifest(), *own_models.load()) if info.id == teaching.model), None)
    if info is None:
        raise InvalidRequest(
            f'Teacher "{teaching.model}" is not a model here; `python -m restoration models` lists those that are, '
            "`add` registers a file."
        )
    if info.non_commercial and not offers_non_commercial():
        raise InvalidRequest(
            f'The weights of teacher "{teaching.model}" are for non-commercial use only, and so is what learns from '
            f"them; set {NON_COMMERCIAL_VARIABLE}=1 where that is yours, or use another one."
        )
    parameters = complete(info, teaching.parameters)
    for param in info.params:
        if param.auto_from not in ("", "views") and not param.auto_with and parameters[param.name] == 0:
            message = f'Teacher "{teaching.model}" would measure {param.name} in every picture; give it in [teaching].'
            raise InvalidParameter(message, name=param.name)
    restorer = Registry(device).load(info, parameters, precision="exact").restorer
    contract = restorer.contract
    if contract.needs_mask or contract.is_iterative:
        raise InvalidRequest(
            f'Teacher "{teaching.model}" fills a mask or works step by step; use one that restores at once.'
        )
    if contract.scale != scale:
        raise InvalidRequest(
            f'Teacher "{teaching.model}" enlarges by {contract.scale}, the recipe by {scale}; use another one.'
        )
    return Teacher(restorer, in_model_units(info, parameters))
