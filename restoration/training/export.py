"""From a checkpoint to the file that ships: averaged weights, float16, safetensors, with where they came from."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import save

from restoration.errors import InvalidRequest
from restoration.models.layers import fuse
from restoration.training.config import Recipe
from restoration.training.trainer import build_network


def export(checkpoint: Path, target: Path, *, metadata: dict[str, str], recipe: Recipe | None = None) -> str:
    """Write the averaged weights of a checkpoint as float16 safetensors.

    Args:
        recipe: of the run; where its network has collapsible convolutions, plain ones are written.
        metadata: text pairs stored in the file's header beside the step, as JSON under the name "training".

    Returns:
        The sha256 of the written file, 64 hex digits.

    Raises:
        InvalidRequest: the checkpoint is absent.
    """
    if not checkpoint.exists():
        raise InvalidRequest(f"No checkpoint lies at {checkpoint}; train first, or name the folder of a run.")
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    average = state["average"]
    if recipe is not None and recipe.network_config.get("expansion"):
        network = build_network(dataclasses.replace(recipe, init_from=""))
        network.load_state_dict(average)
        average = fuse(network).state_dict()
    tensors = {name: tensor.half().contiguous() for name, tensor in average.items()}
    training = json.dumps({"step": state["step"], **metadata}, sort_keys=True)
    content = save(tensors, metadata={"training": training})  # safetensors writes several pairs in a random order
    target.write_bytes(content)
    return hashlib.sha256(content).hexdigest()
