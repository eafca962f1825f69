"""Tasks, models, their parameters and their weights files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from restoration.types.mapping import FrozenMapping

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
        auto_from: where not empty, 0 stands for what the picture itself tells under this name (see
            `catalogue.measures`).
        auto_fallback: the value where the picture tells nothing.
        auto_with: the picture is asked only where it is asked for this other parameter, too; else `auto_fallback`.
        undamaged_value: what the model is told of pictures without damage, in the unit that users see: in passes after
            the first one, and of the alpha channel; None changes nothing.
        is_mix: the service mixes the model's answer (1) with the input (0) by this value; above 1 the model does more.
        affects_weights: the value decides which weights or network are built (scale, weight interpolation).
        enabled_when: a "choice" of the same model and those of its values with which this parameter counts, for example
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
    affects_weights: bool = False
    auto_from: str = ""
    auto_fallback: float = 0.0
    auto_with: str = ""
    undamaged_value: float | None = None
    is_mix: bool = False
    enabled_when: Mapping[str, tuple[ParamValue, ...]] = field(default_factory=FrozenMapping)

    def __post_init__(self) -> None:
        object.__setattr__(self, "enabled_when", FrozenMapping(self.enabled_when))

    def is_enabled(self, values: Parameters) -> bool:
        """Tell whether the parameter counts beside the others of its model."""
        return all(values.get(name) in allowed for name, allowed in self.enabled_when.items())


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
    when: Parameters = field(default_factory=FrozenMapping)

    def __post_init__(self) -> None:
        object.__setattr__(self, "when", FrozenMapping(self.when))

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
    measured: Mapping[str, float] = field(default_factory=FrozenMapping)

    def __post_init__(self) -> None:
        object.__setattr__(self, "config", FrozenMapping(self.config))
        object.__setattr__(self, "measured", FrozenMapping(self.measured))

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


def as_mapping(values: Mapping[str, ParamValue] | None) -> Parameters:
    """Return a read-only copy of parameters; None becomes empty."""
    return FrozenMapping(values)
