"""What passes between the service, an engine elsewhere and a caller survives the way there."""

from __future__ import annotations

import importlib
import inspect
import pickle
import pkgutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import restoration
from restoration.catalogue.manifest import load_manifest
from restoration.errors import RestorationError
from restoration.images import encode, read
from restoration.types import Done, Progress, Queued, RestoreRequest, RestoreResult, RunStats, Task, as_mapping

MANIFEST = {info.id: info for info in load_manifest()}


def _again(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))


def _errors(kind: type[RestorationError] = RestorationError) -> Iterator[type[RestorationError]]:
    yield kind
    for each in kind.__subclasses__():
        if each.__module__.startswith("restoration."):
            yield from _errors(each)


def _made(kind: type[RestorationError]) -> RestorationError:
    """Return an error with a text for every argument that its constructor needs."""
    has_own = any("__init__" in vars(each) for each in kind.__mro__ if each.__module__.startswith("restoration."))
    parameters = inspect.signature(kind).parameters.values() if has_own else ()
    needed = [each for each in parameters if each.default is each.empty and each.kind is each.KEYWORD_ONLY]
    return kind("What was expected; what came.", **{each.name: f"the {each.name}" for each in needed})


def test_no_error_hides_in_a_module_that_this_file_does_not_import() -> None:
    known = set(_errors())
    for module in pkgutil.iter_modules(restoration.__path__, "restoration."):
        importlib.import_module(module.name)
    assert set(_errors()) == known


@pytest.mark.parametrize("kind", sorted(set(_errors()), key=lambda each: each.__name__))
def test_every_error_keeps_its_text_and_its_values(kind: type[RestorationError]) -> None:
    error = _made(kind)
    copy = _again(error)
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert copy.args == error.args
    assert vars(copy) == vars(error)


@pytest.mark.parametrize("model", list(MANIFEST))
def test_every_model_entry_is_the_same_afterwards(model: str) -> None:
    assert _again(MANIFEST[model]) == MANIFEST[model]


def test_request_carries_its_picture_and_its_mask(rng: np.random.Generator) -> None:
    picture = read(rng.integers(0, 256, (8, 9, 3), dtype=np.uint8))
    mask = np.eye(8, 9, dtype=np.bool_)
    request = RestoreRequest(encode(picture, "PNG"), Task.INPAINT, "telea", as_mapping({"radius": 3}), mask=mask)
    copy = _again(request)
    np.testing.assert_array_equal(read(copy.image).pixels, picture.pixels)
    np.testing.assert_array_equal(copy.mask, mask)
    assert (copy.task, copy.model, copy.parameters) == (request.task, request.model, request.parameters)


def test_events_and_the_result_are_the_same_afterwards(rng: np.random.Generator) -> None:
    picture = read(rng.integers(0, 256, (8, 9, 4), dtype=np.uint8))
    stats = RunStats(device="cpu", dtype="float32", queue_s=0, run_s=1, tiles=1, peak_bytes=None)
    result = RestoreResult(
        picture=picture,
        answer=picture.pixels,
        original=picture,
        task=Task.DENOISE,
        model=MANIFEST["resunet-color"],
        parameters={"sigma": 25.0},
        stats=stats,
        notes=("A note.",),
    )
    copy = _again(Done(result)).result
    np.testing.assert_array_equal(copy.picture.to_array(), picture.to_array())
    assert (copy.recipe, copy.model, copy.stats, copy.notes) == (result.recipe, result.model, stats, result.notes)
    assert _again(Queued(2)) == Queued(2)
    assert _again(Progress(0.5, "Restoring", 1.0)) == Progress(0.5, "Restoring", 1.0)


def test_mapping_cannot_be_changed() -> None:
    values = {"sigma": 25.0}
    kept = as_mapping(values)
    values["sigma"] = 1.0
    assert kept == {"sigma": 25.0}
    with pytest.raises(TypeError):
        kept["sigma"] = 3.0  # type: ignore[index]
