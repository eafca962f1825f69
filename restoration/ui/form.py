"""The settings of a tab, as they are sent with an event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from restoration.arrays import Mask
from restoration.errors import InvalidParameter
from restoration.images import FileFormat
from restoration.types import ParamValue, RestoreRequest, Task, as_mapping
from restoration.ui.panel import SettingsPart

SUFFIXES: dict[FileFormat, str] = {"PNG": "png", "TIFF": "tiff", "WEBP": "webp", "JPEG": "jpg"}


class Marked(NamedTuple):
    """What is to be replaced, (H, W), True = fill, and how far inside the original passes into the fill."""

    mask: Mask
    feather_px: int = 0


ReadMask = Callable[[str, Sequence[Any]], Marked]


@dataclass(frozen=True)
class Form:
    """The settings of a tab at the moment of an event, in the order of `SettingsPart.inputs`."""

    task: Task
    model: str | None
    file_format: str
    fit: bool
    precision: Literal["auto", "exact"]
    keep_gps: bool
    parameters: dict[str, ParamValue]

    @classmethod
    def from_values(cls, settings: SettingsPart, values: Sequence[Any]) -> Form:
        """Read the values of `settings.inputs`."""
        task, model, file_format, fit, precision, keep_gps, *controls = values
        parameters = settings.params.values(model, controls)
        return cls(Task(task), model, file_format, fit, precision, keep_gps, parameters)

    def request(self, source: str, marked: Marked | None, kernel: str | None = None) -> RestoreRequest:
        """Return what the service is asked for; a kernel counts for deblurring only."""
        return RestoreRequest(
            image=Path(source),
            task=self.task,
            model=self.model,
            parameters=as_mapping(self.parameters),
            mask=None if marked is None else marked.mask,
            feather_px=0 if marked is None else marked.feather_px,
            kernel=None if kernel is None or self.task is not Task.DEBLUR else Path(kernel),
            fit=self.fit,
            precision=self.precision,
            keep_gps=self.keep_gps,
            file_format=chosen_format(self.file_format),
            has_preview=True,
        )


def chosen_format(name: str) -> FileFormat | None:
    """Return the file format of that name, or None for "auto".

    Raises:
        InvalidParameter: there is none.
    """
    if name == "auto":
        return None
    for known in SUFFIXES:
        if name == known:
            return known
    raise InvalidParameter(f'"format" must be auto or one of {", ".join(SUFFIXES)}, but is {name}.', name="format")
