"""What came out, and what it cost."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from restoration import __version__
from restoration.arrays import FloatArray
from restoration.images import Picture, write

if TYPE_CHECKING:
    from os import PathLike
from restoration.types.mapping import FrozenMapping
from restoration.types.models import ModelInfo, Parameters, Task


@dataclass(frozen=True)
class RunStats:
    """What one run cost.

    Args:
        queue_s: seconds from submission to the first unit of work.
        run_s: seconds of work.
        tiles: units of work done.
        peak_bytes: highest memory of the device during the run (host process memory on a CPU), or None.
    """

    device: str
    dtype: str
    queue_s: float
    run_s: float
    tiles: int
    peak_bytes: int | None


@dataclass(frozen=True)
class RestoreResult:
    """What came out.

    Args:
        picture: the restored picture with everything of the original that had to survive.
        answer: the model's whole answer, (H, W, 3), before it was mixed with the original by the strength.
        original: the picture that went into the model, upright and, where asked for, shrunk to fit.
        parameters: every parameter the model ran with, defaults filled in.
        weights: first hex digits of the sha256 of the weights that were used; "" for methods without weights.
        kernel: the blur kernel (k, k') that the model undid, sum 1; None for models that know of none.
        consistency_db: of an enlarged picture, the PSNR between it, shrunk back, and the original; else None.
        notes: sentences the user should read ("Shrunk from 6000x4000 px to ...").
    """

    picture: Picture
    answer: FloatArray = field(repr=False)
    original: Picture
    task: Task
    model: ModelInfo
    parameters: Parameters
    stats: RunStats
    weights: str = ""
    kernel: FloatArray | None = field(default=None, repr=False)
    consistency_db: float | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", FrozenMapping(self.parameters))

    @property
    def recipe(self) -> str:
        """How the picture was made, as JSON: task, model, weights and parameters; no mask, kernel or shrinking."""
        steps = {"task": self.task, "model": self.model.id, "weights": self.weights, **self.parameters}
        return json.dumps({"software": f"restoration {__version__}", **steps})

    @property
    def image(self) -> Image.Image:
        """The restored picture as a PIL image: 8 bits per channel, except 16-bit gray without alpha.

        Where the picture has 16 bits, `image.info["bit_depth"]` says how many the image has kept; `array` and `save`
        keep all.
        """
        return self.picture.to_pil()

    @property
    def array(self) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
        """The restored picture with all its bits: (H, W), (H, W, 2), (H, W, 3) or (H, W, 4), uint8 or uint16."""
        return self.picture.to_array()

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the restored picture, in the format of the path's ending, with depth, alpha, EXIF and ICC kept.

        A PNG also holds the recipe.
        """
        return write(self.picture, path, description=self.recipe)


@dataclass(frozen=True)
class RunRecord:
    """One row of the performance record; it holds no picture and no name of a user or file.

    Args:
        started_at: UTC, ISO 8601.
        weights: first 12 hex digits of the weights' sha256, joined by "+"; "" for methods without weights.
        width, height: of the input, in pixels.
        outcome: "done", "cancelled", or the name of the error's class.
    """

    started_at: str
    task: str
    model: str
    weights: str
    width: int
    height: int
    device: str
    dtype: str
    queue_s: float
    run_s: float
    peak_bytes: int | None
    outcome: str
