"""The words that every floor shares: tasks, models, parameters, requests, results and events."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from restoration import __version__
from restoration.images import FileFormat, ImageSource, Picture, write

if TYPE_CHECKING:
    from os import PathLike

ParamValue = float | int | bool | str
Parameters = Mapping[str, ParamValue]


class Task(StrEnum):
    """What is to be done to a picture."""

    DENOISE = "denoise"
    SALT_AND_PEPPER = "salt-and-pepper"
    DEJPEG = "dejpeg"
    DEBLUR = "deblur"
    SUPER_RESOLUTION = "super-resolution"
    INPAINT = "inpaint"
    LOW_LIGHT = "low-light"


@dataclass(frozen=True)
class Param:
    """Describe one parameter of a model; it becomes a control, a CLI flag and an API argument by itself.

    Args:
        name: snake_case name in requests, the field's own term ("sigma", "scale").
        kind: type of the value; "choice" takes one of `choices`.
        default: value where the request names none.
        minimum, maximum, step: range of a number, in the unit that users see.
        choices: allowed values of a "choice".
        label, help: words for the page and the command line.
        unit_scale: the model receives `value / unit_scale`; 255 for a sigma shown in 0-255 units.
        is_advanced: folded away in the page.
        auto_from: where not empty, 0 stands for what the picture itself tells under this name (see `diagnosis`).
        auto_else: the value where the picture tells nothing.
        auto_with: the picture is asked only where it is asked for this other parameter, too; else `auto_else` is taken.
        later: where not None, what the model is told (in the unit that users see) of pictures without damage: in passes
            after the first one, and of the alpha channel.
        is_mix: the service mixes the model's answer (1) with the input (0) by this value; above 1 the model does more.
        is_build: the value decides which weights or network are built (scale, weight interpolation).
        counts_with: a "choice" of the same model and those of its values with which this parameter counts, for example
            {"blur": ("motion",)}; empty means always.
    """

    name: str
    kind: Literal["float", "int", "bool", "choice"]
    default: ParamValue
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: tuple[ParamValue, ...] = ()
    label: str = ""
    help: str = ""
    unit_scale: float = 1.0
    is_advanced: bool = False
    is_build: bool = False
    auto_from: Literal[
        "", "brightness", "coarse_noise", "jpeg_quality", "noise_level", "shadow_noise", "speckle_level", "views"
    ] = ""
    auto_else: float = 0.0
    auto_with: str = ""
    later: float | None = None
    is_mix: bool = False
    counts_with: Mapping[str, tuple[ParamValue, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def counts(self, values: Parameters) -> bool:
        """Tell whether the parameter counts beside the others of its model."""
        return all(values.get(name) in allowed for name, allowed in self.counts_with.items())


@dataclass(frozen=True)
class WeightFile:
    """Name one weights file: built in (`path`) or on the Hugging Face Hub (`repo_id`, `filename`, `revision`).

    Args:
        role: what the model calls it ("net", "wdn", "x2", ...).
        path: file name inside `weights/` (or, with `is_own`, in the user's folder), or None for a Hub file.
        is_own: the user brought the file.
        repo_type: what kind of repository `repo_id` names; a Space of the Hub may hold files as a model's does.
        revision: a commit id (40 hex digits) or a branch.
        sha256, size_bytes: None where nobody has recorded them yet.
        when: build parameters for which the file is needed, for example {"scale": 2}; empty means always.
    """

    role: str
    path: str | None = None
    is_own: bool = False
    repo_id: str | None = None
    repo_type: Literal["model", "space"] = "model"
    filename: str | None = None
    revision: str = "main"
    sha256: str | None = None
    size_bytes: int | None = None
    licence: str = ""
    when: Parameters = field(default_factory=lambda: MappingProxyType({}))

    @property
    def hub_address(self) -> str:
        """Where the repository lies below huggingface.co: "owner/name" or "spaces/owner/name"."""
        return f"spaces/{self.repo_id}" if self.repo_type == "space" else str(self.repo_id)

    def is_needed(self, parameters: Parameters) -> bool:
        """Tell whether a model built with these parameters opens this file."""
        return all(parameters.get(name) == value for name, value in self.when.items())


@dataclass(frozen=True)
class ModelInfo:
    """One entry of the manifest: all that the doors need to know of a model without loading it.

    Args:
        id: kebab-case, `arch-variant`.
        tasks: what it does; the first is the one it was made for.
        factory: "module:function" inside `restoration.models`, called as `build(config=, weights=, parameters=)`.
        config: keyword arguments of the network.
        kind: "classical" methods need no weights.
        max_megapixels: largest input it accepts, in millions of pixels.
        is_anytime: it works step by step on the whole picture, and what it has after any step may be the result.
        takes_kernel: a picture of the blur kernel may be given instead of the parameters that describe it.
        scales: factors by which it enlarges in one pass; other sizes are reached by passes and resampling.
        macs_per_pixel: multiply-adds per pixel of input, for the forecast; 0 where they do not decide the time.
        large_px: pictures of more pixels than this are treated in a quicker way; 0 where none are.
        large_cost: what a pixel of those costs, as a share of what one of smaller pictures costs.
        training: how the weights were made, where this project made them.
        limits: what it is not made for.
        libraries: modules it needs beyond what the application always has.
        non_commercial: the licence of the weights or of the library forbids commercial use; the model is offered only
            on demand (see `Service`), and its title ends with "(non-commercial)".
        measured: what it scored, by test name, in the unit the name carries.
    """

    id: str
    title: str
    summary: str
    tasks: tuple[Task, ...]
    kind: Literal["classical", "network"]
    factory: str
    config: Mapping[str, Any]
    params: tuple[Param, ...]
    files: tuple[WeightFile, ...]
    max_megapixels: float
    paper: str = ""
    code_licence: str = ""
    weights_licence: str = ""
    trained_on: str = ""
    training: str = ""
    limits: str = ""
    libraries: tuple[str, ...] = ()
    non_commercial: bool = False
    is_anytime: bool = False
    takes_kernel: bool = False
    scales: tuple[int, ...] = (1,)
    macs_per_pixel: float = 0.0
    large_px: int = 0
    large_cost: float = 1.0
    measured: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def param(self, name: str) -> Param | None:
        """Return the parameter of that name, or None."""
        return next((param for param in self.params if param.name == name), None)

    @property
    def is_built_in(self) -> bool:
        """True where no file has to come from the Hub."""
        return all(file.path is not None for file in self.files)


@dataclass(frozen=True)
class ModelStatus:
    """A model and whether it can run on this machine now; `reason` says why not, and what to do."""

    info: ModelInfo
    is_available: bool
    reason: str = ""


@dataclass(frozen=True)
class RestoreRequest:
    """Ask for one restoration; every door builds one of these.

    Args:
        image: the picture; paths and bytes are decoded by the service.
        task: what to do.
        model: a model id, or None for the first model of the task that fits the parameters.
        parameters: values by name, in the units that users see (sigma in 0-255).
        mask: for inpainting; white marks what is to be filled or, where nothing is white, what is more than half
            opaque. None elsewhere.
        feather_px: how far inside the mask the original passes into the fill; 0 fills the whole mask.
        kernel: for deblurring with models that take one, a picture of the blur kernel instead of the parameters of it.
        fit: shrink a picture above the model's limit instead of refusing it.
        precision: "auto" takes the fastest that is safe, "exact" computes in float32.
        tile_px: side of a tile of the input; None lets the engine choose.
        keep_gps: keep the GPS part of EXIF.
        file_format: in which the result will be written; one that does not hold it is refused before the work.
        has_preview: send small pictures of the work in progress with the progress.
        take: set it while the work goes on to end it with what there is, where the model is an anytime method (see
            `ModelInfo.is_anytime`); others take no notice.
    """

    image: ImageSource
    task: Task
    model: str | None = None
    parameters: Parameters = field(default_factory=lambda: MappingProxyType({}))
    mask: ImageSource | None = None
    feather_px: int = 0
    kernel: ImageSource | None = None
    fit: bool = False
    precision: Literal["auto", "exact"] = "auto"
    tile_px: int | None = None
    keep_gps: bool = False
    file_format: FileFormat | None = None
    has_preview: bool = False
    take: threading.Event | None = None


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
    answer: npt.NDArray[np.float32] = field(repr=False)
    original: Picture
    task: Task
    model: ModelInfo
    parameters: Parameters
    stats: RunStats
    weights: str = ""
    kernel: npt.NDArray[np.float32] | None = field(default=None, repr=False)
    consistency_db: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def recipe(self) -> str:
        """How the picture was made, as JSON: task, model, weights and parameters; no mask, kernel or shrinking."""
        steps = {"task": self.task, "model": self.model.id, "weights": self.weights, **self.parameters}
        return json.dumps({"software": f"restoration {__version__}", **steps})

    @property
    def image(self) -> Image.Image:
        """The restored picture as a PIL image."""
        return self.picture.to_pil()

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


@dataclass(frozen=True)
class Queued:
    """The job waits; `ahead` other jobs are on the same device."""

    ahead: int


@dataclass(frozen=True)
class Progress:
    """`fraction` in [0, 1] of the work is done; `eta_s` more seconds are expected, None while unknown.

    Args:
        preview: the picture so far, small, (h, w, 3) uint8; None where there is nothing new to show.
    """

    fraction: float
    message: str
    eta_s: float | None = None
    preview: npt.NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Done:
    """The last event of a restoration."""

    result: RestoreResult


Event = Queued | Progress | Done


def as_mapping(values: Mapping[str, ParamValue] | None) -> Parameters:
    """Return a read-only copy of parameters; None becomes empty."""
    return MappingProxyType(dict(values or {}))


__all__ = [
    "Done",
    "Event",
    "ImageSource",
    "ModelInfo",
    "ModelStatus",
    "Param",
    "ParamValue",
    "Parameters",
    "Progress",
    "Queued",
    "RestoreRequest",
    "RestoreResult",
    "RunRecord",
    "RunStats",
    "Task",
    "WeightFile",
    "as_mapping",
]
