"""Reading `weights/manifest`, the list of all models: one file for each task, and one of what several models share."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import ValidationError

from restoration.catalogue.benchmarks import Benchmarks
from restoration.catalogue.faults import Where, first_fault
from restoration.catalogue.schema import (
    Entry,
    FileEntry,
    MeasuredEntry,
    ModelEntry,
    ModelFile,
    ParamEntry,
    SharedFile,
    SharedTables,
)
from restoration.errors import ManifestError
from restoration.folders import assets_folder, weights_folder
from restoration.types import ModelInfo, Param, Task, WeightFile

SHARED = "shared.toml"
_Content = TypeVar("_Content", bound=Entry)


def manifest_folder() -> Path:
    """Return the folder of the manifest that ships."""
    return weights_folder() / "manifest"


def load_manifest(path: Path | None = None) -> tuple[ModelInfo, ...]:
    """Return all models in the order in which they are offered.

    Args:
        path: a folder of the form of `weights/manifest`, or one file of models; None reads the manifest that ships.

    Raises:
        ManifestError: a file is absent, is not TOML, or an entry is wrong; the message names file, entry and key.
    """
    place = manifest_folder() if path is None else path
    cure = "reinstall the application" if path is None else "let it be read, or remove it"
    shared, contents = _read_folder(place, cure) if place.is_dir() else (None, {place: _read(place, ModelFile, cure)})
    reader = _Reader(shared or SharedTables(), Benchmarks(assets_folder() / "benchmarks"))
    models: dict[str, ModelInfo] = {}
    for file, content in contents.items():
        for entry in content.model:
            Where(file).inside("model", entry.id).require(entry.id not in models, "id", "stands twice; ids must differ")
            models[entry.id] = reader.info(file, entry)
    if shared is not None:
        for file, content in contents.items():
            _check_places(file, content, models)
    return _in_order(contents, models)


def _read_folder(folder: Path, cure: str) -> tuple[SharedTables, dict[Path, ModelFile]]:
    """Return what models share, and the files of the tasks that there are."""
    shared_file = folder / SHARED
    shared = _read(shared_file, SharedTables, cure) if shared_file.is_file() else SharedTables()
    files = [folder / f"{task}.toml" for task in Task if (folder / f"{task}.toml").is_file()]
    for stray in sorted(set(folder.glob("*.toml")) - {*files, shared_file}):
        raise ManifestError(f"The manifest file {stray} belongs to no task; name it after one of {', '.join(Task)}.")
    return shared, {file: _read(file, ModelFile, cure) for file in files}


def _read(file: Path, kind: type[_Content], cure: str) -> _Content:
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError(f"The manifest {file} cannot be read; {cure}.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ManifestError(f"The manifest {file} is not valid TOML in UTF-8: {error}.") from error
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise first_fault(error, raw, kind, file=file) from error


def _check_places(file: Path, content: ModelFile, models: Mapping[str, ModelInfo]) -> None:
    """Make sure that a task's file lists the models of the task, each in its place.

    Raises:
        ManifestError: it describes a model of another task, or leaves one out.
    """
    task = Task(file.stem)
    for entry in content.model:
        is_here = entry.tasks[0] == task
        where = Where(file).inside("model", entry.id)
        where.require(is_here, "tasks", f"must begin with {task}; describe it in {entry.tasks[0]}.toml")
    for also in content.also:
        is_other = also.id in models and task in models[also.id].tasks[1:]
        Where(file).inside("also", also.id).require(
            is_other, "id", f"must name a model of another file with the task {task}"
        )
    listed = {entry.id for entry in content.model} | {also.id for also in content.also}
    for info in models.values():
        is_listed = task not in info.tasks or info.id in listed
        where = Where(file).inside("also", info.id)
        where.require(is_listed, "id", "is missing: the model has this task, too; say after which one it comes")


def _in_order(contents: Mapping[Path, ModelFile], models: Mapping[str, ModelInfo]) -> tuple[ModelInfo, ...]:
    """Return the models so that those of every file keep their order.

    Raises:
        ManifestError: the files contradict each other.
    """
    lists = [_ids(file, content) for file, content in contents.items()]
    ordered: list[str] = []

    def add(name: str, waiting: tuple[str, ...]) -> None:
        if name in waiting:
            files = ", ".join(file.name for file in contents)
            raise ManifestError(
                f"The manifest files {files} contradict each other about the place of {name}; change one."
            )
        for ids in lists:
            previous = ids[ids.index(name) - 1] if name in ids[1:] else None
            if previous is not None and previous not in ordered:
                add(previous, (*waiting, name))
        ordered.append(name)

    for ids in lists:
        for name in ids:
            if name not in ordered:
                add(name, ())
    return tuple(models[name] for name in ordered)


def _ids(file: Path, content: ModelFile) -> list[str]:
    """Return the models of a file in its order, those of other files in their places."""
    ids = [entry.id for entry in content.model]
    for also in content.also:
        where = Where(file).inside("also", also.id)
        where.require(also.after in ids, "after", f'must name a model of this file, but is "{also.after}"')
        ids.insert(ids.index(also.after) + 1, also.id)
    return ids


@dataclass(frozen=True)
class _Reader:
    """Makes models of entries: puts in what they share, and the figures that benchmarks measured."""

    shared: SharedTables
    benchmarks: Benchmarks

    def info(self, file: Path, entry: ModelEntry) -> ModelInfo:
        where = Where(file).inside("model", entry.id)
        params = tuple(_param(each) for each in self._params(entry, where))
        files = tuple(_file(each) for each in self._files(entry, where))
        _check_names(params, files, where)
        values = _given(entry, without=("shared", "param", "file"))
        values |= {
            "tasks": tuple(Task(task) for task in entry.tasks),
            "scales": tuple(entry.scales),
            "libraries": tuple(entry.libraries),
            "config": MappingProxyType(dict(entry.config)),
            "measured": MappingProxyType(dict(self._figure(each, entry.id, where) for each in entry.measured)),
        }
        return ModelInfo(params=params, files=files, **values)

    def _params(self, entry: ModelEntry, where: Where) -> Iterator[ParamEntry]:
        yield from entry.param
        for name in entry.shared:
            known = self.shared.param
            where.require(name in known, "shared", f'names "{name}", but {SHARED} has {_names(known, "param")}')
            yield known[name]

    def _files(self, entry: ModelEntry, where: Where) -> Iterator[FileEntry]:
        for each in entry.file:
            if each.shared is None:
                yield each
                continue
            known = self.shared.file
            there = where.inside("file", each.role)
            there.require(
                each.shared in known, "shared", f'names "{each.shared}", but {SHARED} has {_names(known, "file")}'
            )
            values = _given(known[each.shared], without=())
            yield FileEntry(role=each.role, when=each.when, **values)

    def _figure(self, each: MeasuredEntry, model: str, where: Where) -> tuple[str, float]:
        try:
            test = self.benchmarks.fill_in(each.test, benchmark=each.benchmark, metric=each.metric)
            if each.value is not None:
                return f"{test}, by {each.by}", each.value
            assert each.benchmark is not None
            assert each.metric is not None
            return test, self.benchmarks.figure(each.benchmark, each.row or model, each.metric)
        except LookupError as error:
            raise where.inside("measured", each.test).error("benchmark", error.args[0]) from error


def _check_names(params: Sequence[Param], files: Sequence[WeightFile], where: Where) -> None:
    """Make sure that the parameters of a model, its own and shared ones, fit together.

    Raises:
        ManifestError: they do not.
    """
    names = [param.name for param in params]
    where.require(len(set(names)) == len(names), "param", "names must differ")
    for param in params:
        there = where.inside("parameter", param.name)
        there.require(param.auto_with in ("", *names), "auto_with", f"must be one of {', '.join(names)}")
        for name, allowed in param.enabled_when.items():
            other = next((each for each in params if each.name == name), None)
            is_known = other is not None and set(allowed) <= set(other.choices)
            there.require(is_known, "enabled_when", "must name another parameter and some of its choices")
    deciding = [param.name for param in params if param.affects_weights]
    for file in files:
        is_known = set(file.when) <= set(deciding)
        where.inside("file", file.role).require(is_known, "when", "may only name parameters with affects_weights")


def _param(entry: ParamEntry) -> Param:
    values = _given(entry, without=("choices", "enabled_when"))
    enabled_when = {name: tuple(allowed) for name, allowed in entry.enabled_when.items()}
    return Param(choices=tuple(entry.choices), enabled_when=MappingProxyType(enabled_when), **values)


def _file(entry: FileEntry) -> WeightFile:
    return WeightFile(when=MappingProxyType(dict(entry.when)), **_given(entry, without=("when", "shared")))


def _given(entry: SharedFile | ParamEntry | ModelEntry, *, without: Sequence[str]) -> dict[str, Any]:
    """Return what a table says; what it leaves out is left to the defaults of the dataclasses."""
    return {name: getattr(entry, name) for name in entry.model_fields_set if name not in without}


def _names(known: Mapping[str, object], table: str) -> str:
    return ", ".join(f"[{table}.{name}]" for name in known) or f"no [{table}.NAME]"
