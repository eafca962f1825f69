"""From a checkpoint to the file that ships: averaged weights, float16, safetensors, with where they came from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors.torch import save

from restoration.errors import InvalidRequest


def export(checkpoint: Path, target: Path, *, metadata: dict[str, str]) -> str:
    """Write the averaged weights of a checkpoint as float16 safetensors.

    Args:
        metadata: text pairs stored in the file's header (recipe name, step, ...).

    Returns:
        The sha256 of the written file, 64 hex digits.

    Raises:
        InvalidRequest: the checkpoint is absent.
    """
    if not checkpoint.exists():
        raise InvalidRequest(f"No checkpoint lies at {checkpoint}; train first, or name the folder of a run.")
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    tensors = {name: tensor.half().contiguous() for name, tensor in state["average"].items()}
    content = save(tensors, metadata={"step": str(state["step"]), **metadata})
    target.write_bytes(content)
    return hashlib.sha256(content).hexdigest()
