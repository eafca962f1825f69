"""Export a checkpoint as safetensors: averaged weights, float16, with their origin as metadata."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from restoration.errors import InvalidRequest
from restoration.lab.training.checkpoint import read_checkpoint
from restoration.lab.training.config import Recipe
from restoration.lab.training.network import construct_network
from restoration.networks.layers import fuse

_COLLAPSIBLE = (".wide.", ".narrow.")
"""What only the weights of `CollapsibleConv` have in their names."""


def export(
    checkpoints: Sequence[Path],
    target: Path,
    *,
    metadata: dict[str, str],
    recipe: Recipe | None = None,
    only: Sequence[str] = (),
    start: Path | None = None,
    share: float = 1.0,
) -> str:
    """Write the averaged weights of a checkpoint as float16 safetensors, collapsible convolutions as plain ones.

    Those of several checkpoints become the weights of a bank: their names begin with the place of the checkpoint.

    Args:
        recipe: of the run; needed for collapsible convolutions where the checkpoint is too old to name its network.
        only: beginnings of the names of the weights to write, for a file that goes with another; all where empty.
        start: weights that the run began with, to be mixed in: what they do well is not lost by a short run on other
            damage (Wortsman et al., Robust Fine-Tuning of Zero-Shot Models, 2022, arXiv:2109.01903).
        share: of the run in that mixture, 0 to 1.
        metadata: text pairs stored in the file's header beside the step, as JSON under the name "training".

    Returns:
        The sha256 of the written file, 64 hex digits.

    Raises:
        InvalidRequest: the checkpoint is absent or damaged, its network is needed and unknown or another one, no
            weights have such names, the start does not fit, or the file cannot be written.
    """
    parts = [_averages(checkpoint, recipe=recipe, only=only) for checkpoint in checkpoints]
    tensors = parts[0][0]
    if start is not None:
        tensors = _mixed(start, tensors, share=share)
    if len(parts) > 1:
        tensors = {f"{place}.{name}": tensor for place, (own, _) in enumerate(parts) for name, tensor in own.items()}
    steps = [step for _, step in parts]
    training = json.dumps({"step": steps if len(parts) > 1 else steps[0], **metadata}, sort_keys=True)
    # safetensors writes several pairs in a random order
    return write_weights(target, save(tensors, metadata={"training": training}))


def write_weights(target: Path, content: bytes) -> str:
    """Write a weights file, and its folder where that is absent; return the sha256.

    Raises:
        InvalidRequest: it cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    except OSError as error:
        raise InvalidRequest(f"{target} cannot be written ({error.strerror}); name another file in -o.") from error
    return hashlib.sha256(content).hexdigest()


def _averages(checkpoint: Path, *, recipe: Recipe | None, only: Sequence[str]) -> tuple[dict[str, Tensor], int]:
    """Return the averaged weights of a checkpoint as float16, by name, and its step; see `export`."""
    if not checkpoint.exists():
        raise InvalidRequest(f"No checkpoint lies at {checkpoint}; train first, or name the folder of a run.")
    state = read_checkpoint(checkpoint)
    average, step = averaged(state)
    if any(part in name for name in average for part in _COLLAPSIBLE):
        average = fuse(_trained(state, recipe, checkpoint)).state_dict()
    tensors = {
        name: tensor.half().contiguous() for name, tensor in average.items() if not only or name.startswith(tuple(only))
    }
    if not tensors:
        parts = ", ".join(sorted({name.split(".")[0] for name in average}))
        raise InvalidRequest(f"No weights of {checkpoint} begin with {', '.join(only)}; they are {parts}.")
    return tensors, step


def _mixed(start: Path, tensors: Mapping[str, Tensor], *, share: float) -> dict[str, Tensor]:
    """Return the mean of the weights of a file and of a run, the latter by its share.

    Maps of the first convolution that the file does not know count as zero there.
    """
    try:
        first = load_file(start)
    except (OSError, SafetensorError) as error:
        raise InvalidRequest(f"{start} cannot be read; name the weights file that the run started from.") from error
    mixed = {}
    for name, tensor in tensors.items():
        begun = torch.zeros(tensor.shape)
        known = first.get(name)
        if known is None or known.ndim != tensor.ndim or known.shape[:1] != tensor.shape[:1]:
            raise InvalidRequest(f"{start} has no weights {name} of this shape; name the file of the run's start.")
        both = tuple(slice(min(ours, theirs)) for ours, theirs in zip(tensor.shape, known.shape, strict=True))
        begun[both] = known[both].float()
        mixed[name] = torch.lerp(begun, tensor.float(), share).half().contiguous()
    return mixed


def averaged(state: Mapping[str, Any]) -> tuple[dict[str, Tensor], int]:
    """Return the averaged weights that a run ends with, and their step.

    They are the last ones of its checkpoint; where the recipe has patience, those of the best validation.
    """
    ending = state.get("best") or state
    return ending["average"], int(ending["step"])


def _trained(state: Mapping[str, Any], recipe: Recipe | None, checkpoint: Path) -> nn.Module:
    """Return the network of a checkpoint with its averaged weights."""
    if "network_name" in state:
        network = construct_network(state["network_name"], state["network_config"])
    elif recipe is not None:
        network = construct_network(recipe.network, recipe.network_config)
    else:
        raise InvalidRequest(
            f"{checkpoint} has collapsible convolutions and does not say of which network; name its recipe in --recipe."
        )
    try:
        network.load_state_dict(averaged(state)[0])
    except RuntimeError as error:
        raise InvalidRequest(
            f"{checkpoint} is of another network than the recipe's; name its own recipe in --recipe."
        ) from error
    return network
