"""Build the network of a recipe, with random weights or those of another file."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from restoration.errors import InvalidRequest
from restoration.lab.training.config import Recipe
from restoration.networks.layers import CollapsibleConv, ResidualBlock

log = logging.getLogger(__name__)

_PICTURE_CHANNELS = 3


def build_network(recipe: Recipe) -> nn.Module:
    """Build the recipe's network with seeded random weights, or with those of `init_from` where shapes agree.

    Raises:
        InvalidRequest: there is no such network, or `init_from` cannot be read or leaves nothing to learn.
    """
    torch.manual_seed(recipe.seed)
    network = construct_network(recipe.network, recipe.network_config)
    if recipe.init_from:
        own = network.state_dict()
        first = next((name for name, tensor in own.items() if tensor.ndim == 4), "")
        given = _first_weights(recipe)
        if recipe.init_also:
            given = {f"{recipe.init_also}.{name}": tensor for name, tensor in given.items()} | given
            if not any(name.startswith(f"{recipe.init_also}.") for name in own):
                raise InvalidRequest(
                    f"Recipe {recipe.name} starts {recipe.init_also} from the file, too, but {recipe.network} has no "
                    f"such part; its parts are {_parts_of(own)}."
                )
        taken = {}
        for name, tensor in given.items():
            if name in own and tensor.shape == own[name].shape:
                taken[name] = tensor
            elif name == first and tensor[:, :1].shape == own[name][:, :1].shape:
                taken[name] = _with_other_maps(tensor, own[name], keeps_maps=recipe.init_maps)
        network.load_state_dict(taken, strict=False)
        unfolded = _unfold(network, given)
        _pass_through_new_blocks(network, given)
        log.info("took %d of %d tensors from %s", len(taken) + unfolded, len(own), recipe.init_from)
    if recipe.learn:
        _leave_the_others(network, recipe)
    return network.to(memory_format=torch.channels_last)


def construct_network(name: str, config: Mapping[str, Any]) -> nn.Module:
    """Build a network with random weights.

    Args:
        name: "module:class" inside `restoration`, as in "networks.unet:ResUNet".
        config: its keyword arguments.

    Raises:
        InvalidRequest: there is no such network, or it does not take these arguments.
    """
    advice = 'write network as "networks.unet:ResUNet" (module:class) and its arguments in [network_config]'
    try:
        module_name, class_name = name.split(":")
        network = getattr(importlib.import_module(f"restoration.{module_name}"), class_name)(**config)
    except (ValueError, ImportError, AttributeError, TypeError, LookupError, RuntimeError) as error:
        raise InvalidRequest(f'Network "{name}" cannot be built ({error}); {advice}.') from error
    if not isinstance(network, nn.Module):
        raise InvalidRequest(f'"{name}" is not a network; {advice}.')
    return network


def _parts_of(names: Iterable[str]) -> str:
    return ", ".join(sorted({name.split(".")[0] for name in names}))


def _first_weights(recipe: Recipe) -> dict[str, Tensor]:
    """Return the float32 tensors of `init_from`.

    Raises:
        InvalidRequest: the file is absent or no safetensors file.
    """
    try:
        return {name: tensor.float() for name, tensor in load_file(recipe.init_from).items()}
    except (OSError, SafetensorError) as error:
        has_hints = recipe.teaching is not None and recipe.teaching.hints > 0
        advice = "write it by `prune` first" if has_hints else "train that network first and export it there"
        raise InvalidRequest(
            f"Recipe {recipe.name} starts from {recipe.init_from}, which cannot be read; {advice}, or name another "
            "file in init_from."
        ) from error


def _unfold(network: nn.Module, given: Mapping[str, Tensor]) -> int:
    """Give collapsible convolutions the weights of the plain ones of a file; return how many tensors were taken."""
    taken = 0
    for name, module in network.named_modules():
        kernel, bias = given.get(f"{name}.weight"), given.get(f"{name}.bias")
        if isinstance(module, CollapsibleConv) and kernel is not None and kernel.shape == module.kernel_shape:
            module.become(kernel, bias)
            taken += 1 + (bias is not None)
    return taken


def _pass_through_new_blocks(network: nn.Module, known: Collection[str]) -> None:
    """Let residual blocks of which a file has nothing begin as the identity, so that depth costs no quality."""
    for name, module in network.named_modules():
        if not isinstance(module, ResidualBlock) or any(key.startswith(f"{name}.") for key in known):
            continue
        if isinstance(module.second, CollapsibleConv):
            module.second.become(torch.zeros(module.second.kernel_shape), None)
        else:
            for parameter in module.second.parameters():
                nn.init.zeros_(parameter)


def _leave_the_others(network: nn.Module, recipe: Recipe) -> None:
    """Keep the optimiser from the weights that the recipe does not let learn.

    Raises:
        InvalidRequest: no weights have such a name.
    """
    names = [name for name, _ in network.named_parameters()]
    if unknown := [beginning for beginning in recipe.learn if not any(name.startswith(beginning) for name in names)]:
        raise InvalidRequest(
            f"Recipe {recipe.name} lets {', '.join(unknown)} learn, but no weights of {recipe.network} begin so; "
            f"they are {_parts_of(names)}."
        )
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.startswith(tuple(recipe.learn)))


def _with_other_maps(given: Tensor, own: Tensor, *, keeps_maps: bool) -> Tensor:
    """Return the first convolution's weights for what both know; maps that are new, or all of them, start at zero."""
    both = min(given.shape[1], own.shape[1])
    colours = both if keeps_maps else both // _PICTURE_CHANNELS * _PICTURE_CHANNELS
    fitted = torch.zeros_like(own)
    fitted[:, :colours] = given[:, :colours]
    return fitted
