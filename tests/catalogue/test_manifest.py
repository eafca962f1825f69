from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from restoration.catalogue.cards import to_markdown
from restoration.catalogue.manifest import load_manifest
from restoration.catalogue.schema import Entry, FileEntry, ModelEntry, ParamEntry
from restoration.errors import ManifestError
from restoration.folders import weights_folder
from restoration.types import ModelInfo, Param, Task, WeightFile

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


def _load(text: str, folder: Path) -> tuple[ModelInfo, ...]:
    file = folder / "denoise.toml"
    file.write_text(text, encoding="utf-8")
    return load_manifest(file)


def _folder(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name.replace('_', '-')}.toml").write_text(text, encoding="utf-8")
    return folder


def test_entry_becomes_a_model(tmp_path: Path) -> None:
    (info,) = _load(GOOD, tmp_path)
    assert (info.id, info.tasks, info.max_megapixels) == ("one", (Task.DENOISE,), 4)
    assert info.params[0].maximum == 75
    assert info.files[0].path == "one.safetensors"
    assert info.is_built_in


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('id = "one"', 'id = "One Model"', 'key id: id must be kebab-case, but "One Model" came'),
        ('tasks = ["denoise"]', 'tasks = ["polish"]', 'tasks must be one of denoise, .*, but "polish" came'),
        ('tasks = ["denoise"]', "tasks = []", "tasks .*at least 1 item"),
        ('factory = "one:build"', 'factory = "one"', "module:function"),
        ('kind = "network"', 'kind = "magic"', "kind must be 'classical' or 'network', but \"magic\" came"),
        ("max_megapixels = 4", "max_megapixels = 0", "max_megapixels must be greater than 0, but 0 came"),
        ("max_megapixels = 4", 'max_megapixels = "4"', 'max_megapixels must be a valid .*, but "4" came'),
        (
            "max_megapixels = 4",
            "max_megapixels = 4\nspeed = 3",
            'model "one", key speed: speed is unknown; known are id',
        ),
        ("max_megapixels = 4", "max_megapixels = 4\nnon_commercial = 1", "non_commercial must be a valid boolean"),
        ('title = "One"', "", 'model "one", key title: title is missing'),
        ('title = "One"', 'title = "One (non-commercial)"', "title must end with"),
        ("default = 25", "default = 99", 'parameter "sigma", key default: default must lie between'),
        ("default = 25", 'default = "much"', "key default: default must lie between"),
        ("default = 25", "default = 25\nauto_with = 'speckle'", "auto_with must be one of sigma"),
        ("default = 25", "default = 25\nenabled_when = { blur = ['motion'] }", "enabled_when must name another"),
        ("minimum = 0", "", "minimum and maximum must be given"),
        ('path = "one.safetensors"', 'path = "../one.safetensors"', "inside weights/"),
        ('path = "one.safetensors"', 'repo_id = "a/b"', 'file "net", key path: path, or both repo_id and filename'),
        ('path = "one.safetensors"', 'path = "one.safetensors"\nsha256 = "abc"', "64 hex digits"),
        ('path = "one.safetensors"', 'path = "one.safetensors"\nwhen = { sigma = 1 }', "affects_weights"),
        ('path = "one.safetensors"', 'shared = "resunet"', r"names .resunet., but shared.toml has no \[file.NAME\]"),
        ('kind = "network"', 'kind = "network"\nshared = ["views"]', r"shared.toml has no \[param.NAME\]"),
        ("max_megapixels = 4", "max_megapixels = 4\nscales = [0]", "scales must be greater than or equal to 1"),
        (
            "max_megapixels = 4",
            "max_megapixels = 4\nmeasured = [{ test = 'a', value = 3 }]",
            'measured "a", key benchmark: benchmark and metric, or value and by, must be given',
        ),
        (
            "max_megapixels = 4",
            "max_megapixels = 4\nmeasured = [{ test = 'a', benchmark = 'set5-x4', metric = 'psnr' }]",
            'measured "a", key benchmark: row "one" is not in set5-x4.json; its rows are bicubic',
        ),
    ],
)
def test_wrong_entry_is_refused_by_file_entry_and_key(old: str, new: str, words: str, tmp_path: Path) -> None:
    assert old in GOOD
    with pytest.raises(ManifestError, match=f"denoise.toml, .*{words}"):
        _load(GOOD.replace(old, new, 1), tmp_path)


def test_unknown_measure_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    words = (
        'denoise.toml, model "one", parameter "sigma", key auto_from: '
        "auto_from must be one of brightness, coarse_noise, "
        'jpeg_quality, noise_level, shadow_noise, speckle_level, views, but "noise_levels" came'
    )
    with pytest.raises(ManifestError, match=words):
        _load(GOOD.replace("default = 25", 'default = 25\nauto_from = "noise_levels"'), tmp_path)


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="ids must differ"):
        _load(GOOD + GOOD, tmp_path)
    other = GOOD.replace('["denoise"]', '["deblur"]')
    with pytest.raises(ManifestError, match='model "one", key id: id stands twice'):
        load_manifest(_folder(tmp_path, denoise=GOOD, deblur=other))


def test_broken_and_absent_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="not valid TOML"):
        _load("[[model", tmp_path)
    with pytest.raises(ManifestError, match="cannot be read"):
        load_manifest(tmp_path / "none.toml")


def test_shared_parameters_and_files_are_put_in(tmp_path: Path) -> None:
    shared = '[param.any]\nname = "mix"\nkind = "bool"\ndefault = true\n[file.net]\npath = "two.safetensors"\n'
    entry = GOOD.replace('path = "one.safetensors"', 'shared = "net"').replace(
        "max_megapixels = 4", 'max_megapixels = 4\nshared = ["any"]'
    )
    (info,) = load_manifest(_folder(tmp_path, shared=shared, denoise=entry))
    assert [param.name for param in info.params] == ["sigma", "mix"]
    assert (info.files[0].role, info.files[0].path) == ("net", "two.safetensors")


TWO_TASKS = GOOD.replace('"one"', '"both"').replace('["denoise"]', '["deblur", "denoise"]')


def test_model_of_two_tasks_stands_where_both_files_put_it(tmp_path: Path) -> None:
    denoise = GOOD + '[[also]]\nid = "both"\nafter = "one"\n' + GOOD.replace('"one"', '"last"')
    models = load_manifest(_folder(tmp_path, denoise=denoise, deblur=GOOD_DEBLUR + TWO_TASKS))
    assert [info.id for info in models] == ["one", "first", "both", "last"]


GOOD_DEBLUR = GOOD.replace('"one"', '"first"').replace('["denoise"]', '["deblur"]')


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"polish": GOOD}, "polish.toml belongs to no task"),
        ({"deblur": GOOD}, 'deblur.toml, model "one", key tasks: tasks must begin with deblur; describe it in denoise'),
        ({"denoise": GOOD, "deblur": TWO_TASKS}, 'denoise.toml, also "both", key id: id is missing'),
        ({"denoise": GOOD + '[[also]]\nid = "none"\nafter = "one"\n'}, 'also "none", key id: id must name a model'),
        (
            {"denoise": GOOD + '[[also]]\nid = "both"\nafter = "nobody"\n', "deblur": TWO_TASKS},
            'also "both", key after: after must name a model of this file, but is "nobody"',
        ),
    ],
)
def test_model_in_the_wrong_place_is_refused(texts: dict[str, str], words: str, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=words):
        load_manifest(_folder(tmp_path, **texts))


def test_files_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    both = [TWO_TASKS.replace('"both"', f'"{name}"') for name in ("a", "b")]
    also = '[[also]]\nid = "b"\nafter = "one"\n[[also]]\nid = "a"\nafter = "b"\n'
    with pytest.raises(ManifestError, match="contradict each other"):
        load_manifest(_folder(tmp_path, denoise=GOOD + also, deblur="".join(both)))


@pytest.mark.parametrize(
    ("schema", "record", "only_here"),
    [
        (ParamEntry, Param, set()),
        (FileEntry, WeightFile, {"shared"}),
        (ModelEntry, ModelInfo, {"shared", "param", "file"}),
    ],
)
def test_schema_has_the_keys_of_the_record(schema: type[Entry], record: type, only_here: set[str]) -> None:
    fields = {field.name for field in dataclasses.fields(record)} - {"params", "files"}
    assert set(schema.model_fields) - only_here == fields


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
