"""Reading and checking `weights/manifest.toml`, the list of all models."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path
from types import MappingProxyType
from typing import Any

from restoration.errors import ManifestError
from restoration.folders import weights_folder
from restoration.types import ModelInfo, Param, Task, WeightFile

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FACTORY = re.compile(r"[a-z_][a-z0-9_]*:[a-z_][a-z0-9_]*")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PARAM_KINDS = ("float", "int", "bool", "choice")
_REPO_TYPES = ("model", "space")
_NON_COMMERCIAL = "(non-commercial)"


def load_manifest(path: Path | None = None) -> tuple[ModelInfo, ...]:
    """Return all models in the order of the file; None reads the manifest that ships.

    Raises:
        ManifestError: the file is absent, is not TOML, or an entry is wrong; the message names the entry and the key.
    """
    file = weights_folder() / "manifest.toml" if path is None else path
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        cure = "reinstall the application" if path is None else "let it be read, or remove it"
        raise ManifestError(f"The manifest {file} cannot be read; {cure}.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ManifestError(f"The manifest {file} is not valid TOML in UTF-8: {error}.") from error
    try:
        models = tuple(_model(entry, content.get("shared", {})) for entry in content.get("model", []))
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # text where a table belongs, and the like
        raise ManifestError(f"The manifest {file} has a value of a wrong kind: {error}.") from error
    seen: set[str] = set()
    for info in models:
        if info.id in seen:
            raise ManifestError(f'Two models have the id "{info.id}"; ids must differ.')
        seen.add(info.id)
    return models


def _model(entry: dict[str, Any], shared: dict[str, dict[str, Any]]) -> ModelInfo:
    name = str(entry.get("id", "?"))
    where = f'model "{name}"'
    values = dict(entry)
    names = values.pop("shared", [])
    for key in names:
        _require(key in shared, where, "shared", f"names {key}, which no table [shared.{key}] describes")
    params = tuple(_param(item, where) for item in [*values.pop("param", []), *(shared[key] for key in names)])
    files = tuple(_file(item, where) for item in values.pop("file", []))
    unknown_tasks = [task for task in values.get("tasks", []) if task not in tuple(Task)]
    _require(not unknown_tasks and bool(values.get("tasks")), where, "tasks", f"must be among {', '.join(Task)}")
    values["tasks"] = tuple(Task(task) for task in values["tasks"])
    values["scales"] = tuple(values.get("scales", (1,)))
    values["libraries"] = tuple(values.get("libraries", ()))
    values["config"] = MappingProxyType(values.get("config", {}))
    values["measured"] = MappingProxyType(values.get("measured", {}))
    info = _build(ModelInfo, {**values, "params": params, "files": files}, where)
    _require(_ID.fullmatch(info.id) is not None, where, "id", "must be kebab-case")
    _require(_FACTORY.fullmatch(info.factory) is not None, where, "factory", 'must be "module:function"')
    _require(info.kind in ("classical", "network"), where, "kind", "must be classical or network")
    _require(info.kind == "network" or not files, where, "file", "is only for networks")
    _require(info.max_megapixels > 0, where, "max_megapixels", "must be positive")
    _require(isinstance(info.non_commercial, bool), where, "non_commercial", "must be true or false")
    is_told = info.title.endswith(_NON_COMMERCIAL) == info.non_commercial
    _require(is_told, where, "title", f'must end with "{_NON_COMMERCIAL}" exactly where non_commercial is true')
    names = [param.name for param in params]
    is_whole = bool(info.scales) and all(isinstance(scale, int) and scale >= 1 for scale in info.scales)
    _require(is_whole, where, "scales", "must be whole numbers of at least 1")
    _require(len(set(names)) == len(names), where, "param", "names must differ")
    is_known = all(param.auto_with in ("", *names) for param in params)
    _require(is_known, where, "auto_with", "must name another parameter")
    for file in files:
        unknown = set(file.when) - {param.name for param in params if param.affects_weights}
        _require(not unknown, where, "when", "may only name parameters with affects_weights")
    return info


def _param(entry: dict[str, Any], where: str) -> Param:
    enabled_when = {name: tuple(allowed) for name, allowed in entry.get("enabled_when", {}).items()}
    values = {**entry, "choices": tuple(entry.get("choices", ())), "enabled_when": MappingProxyType(enabled_when)}
    param = _build(Param, values, where)
    where = f'{where}, parameter "{param.name}"'
    _require(_NAME.fullmatch(param.name) is not None, where, "name", "must be snake_case")
    _require(param.kind in _PARAM_KINDS, where, "kind", f"must be one of {', '.join(_PARAM_KINDS)}")
    if param.kind == "choice":
        _require(param.default in param.choices, where, "default", "must be among the choices")
    elif param.kind in ("float", "int"):
        low, high, default = param.minimum, param.maximum, param.default
        is_ordered = low is not None and high is not None and not isinstance(default, str) and low <= default <= high
        _require(is_ordered, where, "default", "must lie between minimum and maximum")
        is_inside = param.undamaged_value is None or (low or 0) <= param.undamaged_value <= (high or 0)
        _require(is_inside, where, "undamaged_value", "must lie between minimum and maximum")
    else:
        _require(isinstance(param.default, bool), where, "default", "must be true or false")
    return param


def _file(entry: dict[str, Any], where: str) -> WeightFile:
    file = _build(WeightFile, {**entry, "when": MappingProxyType(entry.get("when", {}))}, where)
    where = f'{where}, file "{file.role}"'
    is_hub = file.repo_id is not None and file.filename is not None
    _require((file.path is not None) != is_hub, where, "path", "or both repo_id and filename must be given")
    _require(
        file.path is None or Path(file.path).name == file.path, where, "path", "must be a file name inside weights/"
    )
    _require(file.repo_type in _REPO_TYPES, where, "repo_type", f"must be one of {', '.join(_REPO_TYPES)}")
    is_hash = file.sha256 is None or _SHA256.fullmatch(file.sha256) is not None
    _require(is_hash, where, "sha256", "must be 64 hex digits")
    return file


def _build(kind: type[Any], values: dict[str, Any], where: str) -> Any:
    """Make a dataclass from a table, naming keys that are unknown or missing."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key in values:
        _require(key in fields, where, key, f"is unknown; known are {', '.join(fields)}")
    for name, field in fields.items():
        has_default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        _require(name in values or has_default, where, name, "is missing")
    return kind(**values)


def _require(condition: bool, where: str, key: str, rule: str) -> None:
    if not condition:
        raise ManifestError(f"In the manifest, {where}: {key} {rule}.")
