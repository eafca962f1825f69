"""What a scheduler is asked: a request of the engine together with the model that was loaded for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import torch

from restoration.arrays import FloatArray, Mask
from restoration.engine.base import Answer, JobEvent
from restoration.models.shared.contract import Restorer
from restoration.types import Parameters

__all__ = ["Answer", "Job", "JobEvent"]


@dataclass(frozen=True)
class Job:
    """One picture and the loaded model to restore it.

    Args:
        pixels: (H, W, 3) float32, range [0, 1].
        mask: (H, W) bool, True = fill, for models that need one; (H, W, 3) of the dots, for models that remove them.
        kernel: (k, k') float32, odd sides, sum 1: the blur to undo, where the user gave one.
        dtype: the precision the restorer was loaded in.
        exact: returns the same model in float32, for tiles that low precision spoils; None where there is none.
        tile_px: side of a tile in input pixels; None lets the engine choose.
        deadline_s: `time.perf_counter()` value at which the job is given up; None for never.
        has_preview: send small pictures of the work in progress.
        take: once set, an iterative method ends with its current answer; then the engine clears it.
    """

    restorer: Restorer
    pixels: FloatArray
    parameters: Parameters
    dtype: torch.dtype = torch.float32
    mask: Mask | None = None
    kernel: FloatArray | None = None
    exact: Callable[[], Restorer] | None = None
    tile_px: int | None = None
    deadline_s: float | None = None
    has_preview: bool = False
    take: threading.Event | None = None
