from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from restoration.catalogue import registry as registries
from restoration.catalogue.manifest import load_manifest
from restoration.catalogue.parameters import complete
from restoration.catalogue.registry import Registry, find_model
from restoration.errors import ModelUnavailable, UnknownModel
from restoration.models.shared.contract import Contract
from restoration.models.shared.restorers import NetworkRestorer
from restoration.types import Parameters, Task

CPU = torch.device("cpu")
MODELS = load_manifest()
BICUBIC = next(info for info in MODELS if info.id == "bicubic")
WEIGHT_BYTES = 27 * 4 * 100


class Shelf:
    """Stands for the folder of model files: every name is a network of equal size; counts what is built."""

    def __init__(self) -> None:
        self.built: list[str] = []
        self.gates: dict[str, threading.Event] = {}
        self.started = threading.Event()

    def import_module(self, name: str) -> SimpleNamespace:
        model = name.rsplit(".", 1)[1]
        if model == "broken":
            raise ImportError("no such library")

        def build(*, config: Mapping[str, object], weights: object, parameters: Parameters) -> NetworkRestorer:
            self.built.append(model)
            if model in self.gates:
                self.started.set()
                assert self.gates[model].wait(20)
            network = nn.Conv2d(3, 100, 3, padding=1, bias=False)
            return NetworkRestorer(network, Contract())

        return SimpleNamespace(build=build)


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    made = Shelf()
    monkeypatch.setattr(registries.importlib, "import_module", made.import_module)
    return made


def _load(registry: Registry, name: str, **parameters: float) -> NetworkRestorer:
    info = dataclasses.replace(BICUBIC, id=name, factory=f"{name}:build")
    loaded = registry.load(info, {**complete(info, {}), "scale": 2, **parameters}, precision="auto")
    assert isinstance(loaded.restorer, NetworkRestorer)
    return loaded.restorer


def test_loaded_model_is_kept(shelf: Shelf) -> None:
    registry = Registry(CPU)
    assert _load(registry, "one") is _load(registry, "one")
    assert shelf.built == ["one"]


def test_model_is_built_anew_for_other_build_parameters(shelf: Shelf) -> None:
    registry = Registry(CPU)
    assert _load(registry, "one") is not _load(registry, "one", scale=4)


def test_model_not_used_for_longest_gives_way(shelf: Shelf) -> None:
    registry = Registry(CPU, cache_bytes=2 * WEIGHT_BYTES)
    for name in ("one", "two", "one", "three", "one", "two"):
        _load(registry, name)
    assert shelf.built == ["one", "two", "three", "two"]


def test_model_larger_than_the_cache_can_be_used(shelf: Shelf) -> None:
    registry = Registry(CPU, cache_bytes=1)
    _load(registry, "one")
    _load(registry, "one")
    assert shelf.built == ["one"]


def test_users_of_one_model_wait_for_one_load_and_others_go_on(shelf: Shelf) -> None:
    registry = Registry(CPU)
    shelf.gates["slow"] = threading.Event()
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(_load, registry, "slow") for _ in range(4)]
        assert shelf.started.wait(20)
        _load(registry, "other")
        assert not any(each.done() for each in waiting)
        shelf.gates["slow"].set()
        assert len({id(each.result(20)) for each in waiting}) == 1
    assert shelf.built.count("slow") == 1


def test_library_that_does_not_import_makes_the_model_unavailable(shelf: Shelf) -> None:
    with pytest.raises(ModelUnavailable, match="does not import"):
        _load(Registry(CPU), "broken")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lancsoz", "did you mean lanczos"),
        ("telea", "is for inpaint, not for super-resolution"),
        ("qqqq", "choose one of"),
    ],
)
def test_wrong_name_is_answered_with_what_to_write(name: str, words: str) -> None:
    with pytest.raises(UnknownModel, match=words):
        find_model(MODELS, name, task=Task.SUPER_RESOLUTION)


def test_model_file_of_every_entry_exists() -> None:
    folder = Path(registries.__file__).parents[1] / "models"
    for info in MODELS:
        assert (folder / f"{info.factory.split(':')[0]}.py").is_file()
