"""What may stand in the files of `weights/manifest`: keys, types and rules, checked by pydantic.

What the keys of models, parameters and weights files mean is said by `restoration.types.models` (`ModelInfo`, `Param`,
`WeightFile`); here is what they have in the files beyond that. Values keep the type that they have in TOML.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from restoration.catalogue.measures import MEASURES
from restoration.types import Task

Value = bool | int | float | str
Number = int | float
_NON_COMMERCIAL = "(non-commercial)"


def _fits(pattern: str, rule: str) -> AfterValidator:
    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(rule)
        return text

    return AfterValidator(check)


def _one_of(names: Callable[[], list[str]]) -> AfterValidator:
    def check(text: str) -> str:
        if text not in names():
            raise ValueError(f"must be one of {', '.join(names())}")
        return text

    return AfterValidator(check)


def _require(condition: bool, rule: str) -> None:
    """Raise a ValueError, which pydantic turns into the error of the table; `rule` begins with the key."""
    if not condition:
        raise ValueError(rule)


Id = Annotated[str, _fits(r"[a-z0-9]+(-[a-z0-9]+)*", "must be kebab-case")]
Name = Annotated[str, _fits(r"[a-z][a-z0-9_]*", "must be snake_case")]
Factory = Annotated[str, _fits(r"[a-z_][a-z0-9_]*:[a-z_][a-z0-9_]*", 'must be "module:function"')]
Sha256 = Annotated[str, _fits("[0-9a-f]{64}", "must be 64 hex digits")]
FileName = Annotated[str, _fits(r"[^/\\]+", "must be a file name inside weights/")]
MeasureName = Annotated[str, _one_of(lambda: sorted(MEASURES))]
TaskName = Annotated[str, _one_of(lambda: [task.value for task in Task])]
Scale = Annotated[int, Field(ge=1)]


class Entry(BaseModel):
    """A table: keys that are not listed, and values of another type, are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ParamEntry(Entry):
    """A parameter: `[[model.param]]`, or `[param.NAME]` in shared.toml."""

    name: Name
    kind: Literal["float", "int", "bool", "choice"]
    default: Value
    minimum: Number | None = None
    maximum: Number | None = None
    step: Number | None = None
    choices: list[Value] = []
    label: str = ""
    help: str = ""
    unit_scale: Number = 1
    is_advanced: bool = False
    affects_weights: bool = False
    auto_from: MeasureName = ""
    auto_fallback: Number = 0
    auto_with: str = ""
    undamaged_value: Number | None = None
    is_mix: bool = False
    enabled_when: dict[str, list[Value]] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.kind == "choice":
            _require(self.default in self.choices, "default must be among the choices")
        elif self.kind == "bool":
            _require(isinstance(self.default, bool), "default must be true or false")
        else:
            low, high = self.minimum, self.maximum
            is_number = not isinstance(self.default, (bool, str))
            _require(low is not None and high is not None, "minimum and maximum must be given")
            _require(is_number and low <= self.default <= high, "default must lie between minimum and maximum")  # type: ignore[operator]
            healthy = self.undamaged_value
            is_inside = healthy is None or low <= healthy <= high  # type: ignore[operator]
            _require(is_inside, "undamaged_value must lie between minimum and maximum")
        return self


class SharedFile(Entry):
    """A weights file that several models open: `[file.NAME]` in shared.toml."""

    path: FileName | None = None
    is_own: bool = False
    repo_id: str | None = None
    repo_type: Literal["model", "space"] = "model"
    filename: str | None = None
    revision: str = "main"
    sha256: Sha256 | None = None
    size_bytes: Annotated[int, Field(gt=0)] | None = None
    licence: str = ""

    @property
    def is_located(self) -> bool:
        """Tell whether exactly one place is named: a path, or a repository and a file in it."""
        is_hub = self.repo_id is not None and self.filename is not None
        return (self.path is not None) != is_hub

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require(self.is_located, "path, or both repo_id and filename, must be given")
        return self


class FileEntry(SharedFile):
    """A weights file of one model: `[[model.file]]`.

    Args:
        shared: the table [file.NAME] that says all but the role and `when`.
    """

    role: str
    when: dict[str, Value] = {}
    shared: str | None = None

    @property
    def is_located(self) -> bool:
        is_elsewhere = self.model_fields_set <= {"role", "when", "shared"}
        return is_elsewhere if self.shared is not None else super().is_located


class MeasuredEntry(Entry):
    """A figure: from a file of assets/benchmarks, or typed where no such file exists.

    Args:
        test: what was measured, with its unit; may name other figures in braces, see `Benchmarks.fill_in`.
        benchmark, row, metric: where the figure stands; without a row, in that of the model.
        value, by: a typed figure, and how it was measured.
    """

    test: str
    benchmark: str | None = None
    row: str | None = None
    metric: str | None = None
    value: Number | None = None
    by: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        is_read = self.benchmark is not None and self.metric is not None
        is_typed = self.value is not None and self.by is not None
        _require(is_read != is_typed, "benchmark and metric, or value and by, must be given")
        return self


class ModelEntry(Entry):
    """A model: `[[model]]`.

    Args:
        shared: the tables [param.NAME] of shared.toml that come after its own parameters.
    """

    id: Id
    title: str
    summary: str
    tasks: Annotated[list[TaskName], Field(min_length=1)]
    kind: Literal["classical", "network"]
    factory: Factory
    max_megapixels: Annotated[Number, Field(gt=0)]
    shared: list[str] = []
    param: list[ParamEntry] = []
    file: list[FileEntry] = []
    config: dict[str, object] = {}
    measured: list[MeasuredEntry] = []
    paper: str = ""
    code_licence: str = ""
    weights_licence: str = ""
    trained_on: str = ""
    training: str = ""
    limits: str = ""
    libraries: list[str] = []
    non_commercial: bool = False
    is_anytime: bool = False
    takes_kernel: bool = False
    scales: Annotated[list[Scale], Field(min_length=1)] = [1]
    macs_per_pixel: Annotated[Number, Field(ge=0)] = 0
    large_px: Annotated[int, Field(ge=0)] = 0
    large_cost: Number = 1

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require(self.kind == "network" or not self.file, "file is only for networks")
        is_told = self.title.endswith(_NON_COMMERCIAL) == self.non_commercial
        _require(is_told, f'title must end with "{_NON_COMMERCIAL}" exactly where non_commercial is true')
        return self


class AlsoEntry(Entry):
    """The place, in the list of one task, of a model that the file of its first task describes: `[[also]]`.

    Args:
        after: the model before it.
    """

    id: Id
    after: Id


class ModelFile(Entry):
    """A file of models: one per task, or that of the user's own models."""

    model: list[ModelEntry] = []
    also: list[AlsoEntry] = []


class SharedTables(Entry):
    """`shared.toml`."""

    param: dict[str, ParamEntry] = {}
    file: dict[str, SharedFile] = {}
