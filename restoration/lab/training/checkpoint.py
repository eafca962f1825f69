"""The folder of a training run and the checkpoint in it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from restoration.errors import InvalidRequest

_NEEDED = {"network", "average", "optimizer", "step", "best_psnr"}


def make_folder(folder: Path) -> None:
    """Create the folder of a run unless it is there.

    Raises:
        InvalidRequest: it cannot be created, for example because a file has its name.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequest(f"{folder} cannot be made a folder ({error.strerror}); name another one.") from error


def read_checkpoint(file: Path) -> dict[str, Any]:
    """Return what a checkpoint holds, on the CPU; nothing in it is executed.

    Raises:
        InvalidRequest: the file cannot be read, is damaged, or is no checkpoint.
    """
    try:
        content = io.BytesIO(file.read_bytes())
    except OSError as error:
        raise InvalidRequest(f"Checkpoint {file} cannot be read ({error.strerror}); mend the folder.") from error
    try:
        state = torch.load(content, map_location="cpu", weights_only=True)
    except Exception as error:  # the reader raises a dozen unrelated types for a damaged file
        raise InvalidRequest(_damaged(file)) from error
    if not isinstance(state, dict) or not state.keys() >= _NEEDED:
        raise InvalidRequest(_damaged(file))
    return state


def _damaged(file: Path) -> str:
    return f"Checkpoint {file} is damaged or is none; put back a copy, or remove it and train anew."
