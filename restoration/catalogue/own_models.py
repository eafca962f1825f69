"""The user's own networks: files whose weights tell what they are, registered beside the models that ship.

They lie in the folder `models` of the application's home, with one manifest of their own. Registering is something that
the owner of a machine does; the page never takes weights from its visitors.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from restoration.catalogue.manifest import load_manifest
from restoration.errors import InvalidRequest, ManifestError
from restoration.folders import home_folder
from restoration.types import ModelInfo, Task
from restoration.weights import store

SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt")
_MANIFEST = "models.toml"
_TASKS: dict[str, tuple[Task, ...]] = {
    "SR": (Task.SUPER_RESOLUTION,),
    "FaceSR": (Task.SUPER_RESOLUTION,),
    "Restoration": (Task.DENOISE, Task.DEJPEG, Task.DEBLUR),
    "Inpainting": (Task.INPAINT,),
}


@dataclass(frozen=True)
class _Recognised:
    """What a file holds, who builds it, by what factor it enlarges, and what it is for."""

    architecture: str
    factory: str
    scale: int
    tasks: tuple[Task, ...]


_SPANDREL = "spandrel_models:build"
_RENAMED = {"community:build": _SPANDREL}
"""Factories that have moved since manifests were written with their old names."""
_BY_TENSOR: Mapping[str, _Recognised] = {
    "enhance.in_conv.0.weight": _Recognised("SCI", "sci:build", 1, (Task.LOW_LIGHT,)),
    "e_conv1.weight": _Recognised("Zero-DCE", "zero_dce:build", 1, (Task.LOW_LIGHT,)),
}
"""Networks that spandrel does not know, by the name of a tensor that only they have."""


def folder() -> Path:
    """Return where the user's own weights lie."""
    return home_folder() / "models"


def load() -> tuple[ModelInfo, ...]:
    """Return the models that have been registered; none where their manifest is absent.

    Raises:
        ManifestError: the manifest is wrong.
    """
    manifest = folder() / _MANIFEST
    models = load_manifest(manifest) if manifest.is_file() else ()
    return tuple(dataclasses.replace(info, factory=_RENAMED.get(info.factory, info.factory)) for info in models)


def _slug(name: str) -> str:
    """Return a name in small letters, digits and hyphens; of one without any, the first digits of its hash."""
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-") or hashlib.sha256(name.encode()).hexdigest()[:8]


def add(file: Path, *, tasks: tuple[Task, ...] = ()) -> ModelInfo:
    """Recognise a weights file, copy it into the folder unless it lies there, and register it.

    One whose registered file is gone, or has changed, is registered anew.

    Args:
        tasks: what the model is for; empty takes what the architecture is made for.

    Raises:
        InvalidRequest: the file is absent, of another ending, or already registered.
        WeightsUnavailable: the file holds no network that is known.
    """
    if not file.is_file() or file.suffix not in SUFFIXES:
        raise InvalidRequest(f'"{file}" is no weights file; name a file that ends in {", ".join(SUFFIXES)}.')
    model_id = f"own-{_slug(file.stem)}"
    known = next((info for info in load() if info.id == model_id), None)
    if known is not None and all(store.is_right(each) for each in known.files):
        raise InvalidRequest(f'"{file.name}" is registered already, as {model_id}.')
    target = folder() / file.name
    is_copied = file.resolve() != target.resolve()
    if is_copied and target.exists() and (known is None or all(each.path != file.name for each in known.files)):
        raise InvalidRequest(f'Another "{file.name}" lies in {folder()}; rename one of them.')
    found = _recognise(file)
    manifest = folder() / _MANIFEST
    before = manifest.read_text(encoding="utf-8") if manifest.is_file() else ""
    content = _without(before, model_id) + _entry(model_id, file, found, tasks or found.tasks)
    try:
        tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequest(f'"{file.name}" cannot be registered under this name; rename the file.') from error
    folder().mkdir(parents=True, exist_ok=True)
    if is_copied:
        shutil.copyfile(file, target)
    partial = manifest.with_suffix(".partial")
    partial.write_text(content, encoding="utf-8")
    partial.replace(manifest)
    added = next((info for info in load() if info.id == model_id), None)
    if added is None:
        raise ManifestError(f"The model {model_id} could not be registered in {manifest}.")
    return added


def _without(manifest: str, model_id: str) -> str:
    """Return the text of a manifest without the entry of one model."""
    entries = re.split(r"^(?=\[\[model\]\]$)", manifest, flags=re.MULTILINE)
    return "".join(entry for entry in entries if f"\nid = {_quoted(model_id)}\n" not in entry)


def scan() -> tuple[list[ModelInfo], list[str]]:
    """Register the files that have been dropped into the folder.

    Returns:
        The new models, and a sentence for each file that is not one.
    """
    known = {str(file.path) for info in load() for file in info.files}
    files = folder().glob("*") if folder().is_dir() else ()
    added, refused = [], []
    for file in sorted(files):
        if file.suffix not in SUFFIXES or file.name in known:
            continue
        try:
            added.append(add(file))
        except Exception as error:  # one bad file must not keep the others out
            refused.append(f"{file.name}: {error}")
    return added, refused


def _recognise(file: Path) -> _Recognised:
    from restoration.models.shared.state import load_file_content
    from restoration.models.spandrel_models import inspect

    content = load_file_content(file)
    for name, known in _BY_TENSOR.items():
        if name in content:
            return known
    found = inspect(file)
    return _Recognised(found.architecture, _SPANDREL, found.scale, _TASKS[found.purpose])


def _entry(model_id: str, file: Path, found: _Recognised, tasks: tuple[Task, ...]) -> str:
    """Return the text of a manifest entry."""
    architecture, scale = found.architecture, found.scale
    enlarges = f", x{scale}" if scale > 1 else ""
    content = file.read_bytes()
    lines = [
        "",
        "[[model]]",
        f"id = {_quoted(model_id)}",
        f"title = {_quoted(f'{file.stem} (own)')}",
        f"summary = {_quoted(f'A model of your own ({architecture}{enlarges}).')}",
        f"tasks = {_quoted([task.value for task in tasks])}",
        'kind = "network"',
        f"factory = {_quoted(found.factory)}",
        "max_megapixels = 4",
        f"scales = [{scale}]",
    ]
    if found.factory == _SPANDREL:
        lines += ["", "[model.config]", f"architecture = {_quoted(architecture)}"]
    if scale > 1 or Task.SUPER_RESOLUTION in tasks:
        lines += [
            "",
            "[[model.param]]",
            'name = "scale"',
            'kind = "float"',
            f"default = {scale}",
            "minimum = 1",
            "maximum = 8",
            "step = 0.5",
            'label = "Enlarge by"',
            "affects_weights = true",
        ]
    if architecture == "DRUNet":
        lines += ["", "[[model.param]]", 'name = "sigma"', 'kind = "float"', "default = 0", "minimum = 0"]
        lines += ["maximum = 75", "step = 1", "unit_scale = 255", 'auto_from = "noise_level"', 'label = "Noise level"']
    lines += [
        "",
        "[[model.file]]",
        'role = "net"',
        f"path = {_quoted(file.name)}",
        "is_own = true",
        f'sha256 = "{hashlib.sha256(content).hexdigest()}"',
        f"size_bytes = {len(content)}",
    ]
    return "\n".join(lines) + "\n"


def _quoted(value: object) -> str:
    """Return a text, or a list of texts, as TOML writes it: like JSON, but for characters outside the first plane."""
    return json.dumps(value, ensure_ascii=False)
