"""Weights files into networks: safetensors and PyTorch files of plain tensors, alone or between two of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from restoration.errors import WeightsUnavailable
from restoration.weights.torchscript import is_torchscript, read_tensors

_Network = TypeVar("_Network", bound=nn.Module)


def load_state(path: Path, *, key: str | None = None) -> dict[str, Tensor]:
    """Read a state dict from `.safetensors` or, with `weights_only=True`, from a `.pth` file.

    Args:
        path: a verified local file.
        key: entry of a `.pth` file that holds the state dict ("params_ema", "params"); None for the file itself, which
            in safetensors it always is.

    Raises:
        WeightsUnavailable: the file is not a weights file of that form.
    """
    content = load_file_content(path)
    state = content if key is None or path.suffix == ".safetensors" else content.get(key)
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        message = (
            f"{path.name} holds no network weights where they are expected; delete it so that it is fetched again."
        )
        raise WeightsUnavailable(message, model=path.stem)
    return {name: tensor.float() for name, tensor in state.items()}


def load_file_content(path: Path) -> dict[str, Any]:
    """Read what a weights file holds; nothing in it is executed, of a TorchScript archive only the tensors are read.

    Raises:
        WeightsUnavailable: the file is neither safetensors, nor a PyTorch file of plain tensors, nor TorchScript.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if is_torchscript(path):
            return dict(read_tensors(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the readers raise a dozen unrelated types for a damaged or hostile file
        message = f"{path.name} cannot be read as network weights; delete it so that it is fetched again."
        raise WeightsUnavailable(message, model=path.stem) from error
    if not isinstance(content, dict):
        message = f"{path.name} holds no network weights; choose another file."
        raise WeightsUnavailable(message, model=path.stem)
    return content


def load_network(network: nn.Module, state: Mapping[str, Tensor], *, model: str) -> None:
    """Put a state dict into a network.

    Raises:
        WeightsUnavailable: names or shapes differ.
    """
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        message = f"The weights of {model} do not fit its network; delete the file so that it is fetched again."
        raise WeightsUnavailable(message, model=model) from error


def load_networks(
    networks: Mapping[str, _Network], weights: Mapping[str, Path], *, model: str, key: str | None = None
) -> Mapping[str, _Network]:
    """Put the file of each role into its network, and return the networks.

    Args:
        key: see `load_state`.

    Raises:
        WeightsUnavailable: a file is not a weights file, or does not fit its network.
    """
    for role, network in networks.items():
        load_network(network, load_state(weights[role], key=key), model=model)
    return networks


def interpolate(first: Mapping[str, Tensor], second: Mapping[str, Tensor], *, share: float) -> dict[str, Tensor]:
    """Return `share * first + (1 - share) * second` for every tensor of two state dicts of one network.

    Between a network and one that was trained on from it this gives a network between the two.

    Raises:
        WeightsUnavailable: the two are not of one network.

    Reference:
        Wang et al., Deep Network Interpolation for Continuous Imagery Effect Transition, 2019, arXiv:1811.10515.
    """
    shapes = [{name: tensor.shape for name, tensor in state.items()} for state in (first, second)]
    if shapes[0] != shapes[1]:
        message = "The two weights files of this model are not of one network; delete them so that they come again."
        raise WeightsUnavailable(message, model="network interpolation")
    return {name: share * tensor + (1 - share) * second[name] for name, tensor in first.items()}


def load_between(weights: Mapping[str, Path], role: str, *, share: float, key: str | None = None) -> dict[str, Tensor]:
    """Read the weights of a role, or where the file "<role>-sharp" is given too, what lies between the two.

    Args:
        share: 0 takes the file of the role, 1 its sharper twin.
        key: see `load_state`.

    Raises:
        WeightsUnavailable: a file is not a weights file, or the two are not of one network.
    """
    state = load_state(weights[role], key=key)
    twin = weights.get(f"{role}-sharp")
    return state if twin is None else interpolate(load_state(twin, key=key), state, share=share)
