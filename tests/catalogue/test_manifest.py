from __future__ import annotations

from pathlib import Path

import pytest

from restoration.catalogue.cards import to_markdown
from restoration.catalogue.manifest import load_manifest
from restoration.errors import ManifestError
from restoration.folders import weights_folder
from restoration.types import ModelInfo, Task

GOOD = """
[[model]]
id = "one"
title = "One"
summary = "Does one thing."
tasks = ["denoise"]
kind = "network"
factory = "one:build"
max_megapixels = 4

[[model.param]]
name = "sigma"
kind = "float"
default = 25
minimum = 0
maximum = 75

[[model.file]]
role = "net"
path = "one.safetensors"
"""


def _load(text: str, folder: Path) -> tuple:
    file = folder / "manifest.toml"
    file.write_text(text, encoding="utf-8")
    return load_manifest(file)


def test_entry_becomes_a_model(tmp_path: Path) -> None:
    (info,) = _load(GOOD, tmp_path)
    assert (info.id, info.tasks, info.max_megapixels) == ("one", (Task.DENOISE,), 4)
    assert info.params[0].maximum == 75
    assert info.files[0].path == "one.safetensors"
    assert info.is_built_in


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('id = "one"', 'id = "One Model"', "kebab-case"),
        ('tasks = ["denoise"]', 'tasks = ["polish"]', "tasks must be among denoise"),
        ('factory = "one:build"', 'factory = "one"', "module:function"),
        ('kind = "network"', 'kind = "magic"', "classical or network"),
        ("max_megapixels = 4", "max_megapixels = 0", "positive"),
        ("max_megapixels = 4", "max_megapixels = 4\nspeed = 3", "speed is unknown"),
        ('title = "One"', "", "title is missing"),
        ("default = 25", "default = 99", "between minimum and maximum"),
        ('path = "one.safetensors"', 'path = "../one.safetensors"', "inside weights/"),
        ('path = "one.safetensors"', 'repo_id = "a/b"', "repo_id and filename"),
        ('path = "one.safetensors"', 'path = "one.safetensors"\nsha256 = "abc"', "64 hex digits"),
        ('path = "one.safetensors"', 'path = "one.safetensors"\nwhen = { sigma = 1 }', "affects_weights"),
    ],
)
def test_wrong_entry_is_refused_by_name(old: str, new: str, words: str, tmp_path: Path) -> None:
    assert old in GOOD
    with pytest.raises(ManifestError, match=words):
        _load(GOOD.replace(old, new), tmp_path)


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="ids must differ"):
        _load(GOOD + GOOD, tmp_path)


def test_broken_and_absent_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="not valid TOML"):
        _load("[[model", tmp_path)
    with pytest.raises(ManifestError, match="cannot be read"):
        load_manifest(tmp_path / "none.toml")


@pytest.mark.parametrize("task", list(Task))
def test_every_task_has_a_classical_model(task: Task) -> None:
    assert any(info.kind == "classical" for info in load_manifest() if task in info.tasks)


@pytest.mark.parametrize("info", load_manifest(), ids=lambda info: info.id)
def test_model_that_ships_names_its_paper_licence_and_files(info) -> None:
    assert info.summary.endswith(".")
    assert info.paper
    assert info.code_licence
    for file in info.files:
        if file.path is not None:
            assert info.weights_licence
            assert info.trained_on
            assert file.sha256 is not None
            assert file.size_bytes is not None
        else:
            assert file.licence
    for param in info.params:
        assert param.label
        assert param.help


def test_committed_cards_say_what_the_manifest_says() -> None:
    committed = (weights_folder() / "README.md").read_text(encoding="utf-8")
    assert committed == to_markdown(load_manifest()), "run: python -m restoration weights cards"


@pytest.mark.parametrize("info", load_manifest(), ids=lambda info: info.id)
def test_parameters_count_with_choices_that_come_before_them(info: ModelInfo) -> None:
    names = [param.name for param in info.params]
    for param in info.params:
        for name, allowed in param.enabled_when.items():
            other = info.param(name)
            assert other is not None
            assert set(allowed) <= set(other.choices)
            assert names.index(name) < names.index(param.name)


def test_radius_counts_with_round_blurs_alone() -> None:
    info = next(info for info in load_manifest() if info.id == "wiener")
    radius = info.param("radius")
    assert radius is not None
    found = {str(blur): radius.is_enabled({"blur": blur}) for blur in info.param("blur").choices}  # type: ignore[union-attr]
    assert found == {"estimate": False, "defocus": True, "gaussian": True, "motion": False}
