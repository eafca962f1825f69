"""The quick methods side by side: what is shown of them, and of those that fail."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from gradio.block_function import BlockFunction
from PIL import Image

from restoration.catalogue.manifest import load_manifest
from restoration.errors import DeadlinePassed, OutOfMemory
from restoration.images import Picture
from restoration.service.door import Service
from restoration.types import Event, RestoreRequest, RestoreResult, RunStats, Task, as_mapping
from restoration.ui import compare
from restoration.ui.demo import build_demo
from tests.ui import pictures

TELEA, FLUID = (next(info for info in load_manifest() if info.id == name) for name in ("telea", "navier-stokes"))
STATS = RunStats(device="cpu", dtype="float32", queue_s=0, run_s=1, tiles=1, peak_bytes=None)


class Watched(Service):
    """A service that remembers its requests and, by model, does not carry them out."""

    def __init__(self, records_path: Path) -> None:
        super().__init__(records_path=records_path, device="cpu")
        self.requests: list[RestoreRequest] = []
        self.errors: dict[str | None, Exception] = {}

    def restore(self, request: RestoreRequest) -> Generator[Event, None, None]:
        self.requests.append(request)
        if request.model in self.errors:
            raise self.errors[request.model]
        yield from super().restore(request)


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "files"))
    monkeypatch.setattr(compare, "_QUICK", ("telea", "navier-stokes"))
    return Watched(tmp_path / "records.sqlite3")


@pytest.fixture
def page(service: Watched) -> gr.Blocks:
    return build_demo(service)


@pytest.fixture
def function(page: gr.Blocks) -> BlockFunction:
    return next(each for each in page.fns.values() if each.name == "compare")


@pytest.fixture
def values(function: BlockFunction, tmp_path: Path) -> list[Any]:
    """The inputs of the comparison: a picture and its mask."""
    values = [getattr(component, "value", None) for component in function.inputs]
    picture = pictures.write_picture(tmp_path / "torn.png")
    values[:5] = [str(picture), [], str(pictures.write_mask(tmp_path / "mask.png")), 0, 0]
    return values


def _captions(updates: list[tuple[Any, ...]]) -> list[str]:
    """Return the captions of the tiles that are shown at the end."""
    return [line for _, line in next(each[0]["value"] for each in reversed(updates) if "value" in each[0])]


def test_every_method_has_a_tile_and_no_preview_is_made(
    function: BlockFunction, values: list[Any], service: Watched
) -> None:
    updates = list(function.fn(*values))
    assert [caption.split(",")[0] for caption in _captions(updates)] == [TELEA.title, FLUID.title]
    assert [request.has_preview for request in service.requests] == [False, False]
    busy, idle = updates[0][2:], updates[-1][2:]
    assert [update.get("interactive", update.get("visible")) for update in (*busy, *idle)] == [False, True, True, False]


@pytest.mark.parametrize("error", [DeadlinePassed(), OutOfMemory("There is too little memory; use a smaller picture.")])
def test_method_that_fails_is_named_and_the_others_go_on(
    function: BlockFunction, values: list[Any], service: Watched, error: Exception
) -> None:
    service.errors["telea"] = error
    updates = list(function.fn(*values))
    assert [caption.split(",")[0] for caption in _captions(updates)] == [FLUID.title]
    assert f"{TELEA.title}: {error}" in updates[-1][1]["value"]


def test_comparison_in_which_all_fail_is_an_error(function: BlockFunction, values: list[Any], service: Watched) -> None:
    service.errors = dict.fromkeys(("telea", "navier-stokes"), DeadlinePassed())
    with pytest.raises(gr.Error, match="exceeded the time limit"):
        list(function.fn(*values))


def test_buttons_are_as_before_after_an_error_and_after_cancel(page: gr.Blocks, function: BlockFunction) -> None:
    (cancel,) = (each for each in page.fns.values() if each.cancels == [function._id])
    others = [each for each in page.fns.values() if each.outputs == function.outputs[2:]]
    assert {each.trigger_only_on_failure or each.targets == cancel.targets for each in others} == {True}
    assert len(others) == 2
    for each in others:
        assert not each.queue
        assert [update.get("interactive", update.get("visible")) for update in each.fn()] == [True, False]


def test_closed_comparison_cancels_its_run(function: BlockFunction, values: list[Any], service: Watched) -> None:
    steps = function.fn(*values)
    next(steps)
    next(steps)
    steps.close()
    assert [record.outcome for record in service.list_records()] == ["cancelled"]


def test_tile_is_the_part_round_the_mask_with_profile_and_transparency(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    whole = Picture(
        rng.integers(0, 256, (300, 200, 3)).astype(np.float32) / 255,
        alpha=rng.integers(0, 256, (300, 200)).astype(np.float32) / 255,
        icc_profile=b"a profile",
    )
    result = RestoreResult(
        picture=whole,
        answer=whole.pixels,
        original=whole,
        task=Task.INPAINT,
        model=TELEA,
        parameters=as_mapping({}),
        stats=STATS,
    )
    mask = np.zeros((300, 200), np.bool_)
    mask[100, 20] = True
    with Image.open(compare.tile(result, mask)) as image:
        assert image.info["icc_profile"] == b"a profile"
        np.testing.assert_array_equal(np.asarray(image), whole.to_array()[52:149, :69])
