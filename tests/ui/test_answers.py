"""Changing the strength after a run: exact where it can be, refused where a new run is needed."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from restoration.images import Picture
from restoration.manifest import load_manifest
from restoration.parameters import complete
from restoration.types import RestoreResult, RunStats, Task, as_mapping
from restoration.ui.answers import Answers

DENOISER = next(info for info in load_manifest() if info.id == "resunet-color")

STATS = RunStats(device="cpu", dtype="float32", queue_s=0, run_s=1, tiles=1, peak_bytes=None)
GIVEN = as_mapping({"sigma": 10.0, "strength": 1.0})


def _result(*, bit_depth: int = 8, side_px: int = 16, seed: int = 0) -> RestoreResult:
    rng = np.random.default_rng(seed)
    top = 2**bit_depth - 1
    before = Picture((rng.integers(0, top + 1, (side_px, side_px, 3)) / top).astype(np.float32), bit_depth=bit_depth)
    answer = rng.random((side_px, side_px, 3), dtype=np.float32)
    return RestoreResult(
        picture=before.with_pixels(answer),
        answer=answer,
        original=before,
        task=Task.DENOISE,
        model=DENOISER,
        parameters=as_mapping(complete(DENOISER, GIVEN)),
        stats=STATS,
    )


def _kept(result: RestoreResult) -> Answers:
    answers = Answers(3600)
    answers.keep("number", result, given=GIVEN, source="file")
    return answers


@pytest.mark.parametrize("bit_depth", [8, 16])
@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_mixed_picture_lies_between_original_and_answer(bit_depth: int, strength: float) -> None:
    result = _result(bit_depth=bit_depth)
    mixed = _kept(result).mix("number", {**GIVEN, "strength": strength}, source="file")
    assert mixed is not None
    expected = result.original.pixels + strength * (result.answer - result.original.pixels)
    np.testing.assert_allclose(mixed.picture.pixels, expected, atol=0.3 / (2**bit_depth - 1))
    assert mixed.parameters["strength"] == strength


def test_strength_zero_gives_the_original_exactly() -> None:
    result = _result()
    mixed = _kept(result).mix("number", {**GIVEN, "strength": 0.0}, source="file")
    assert mixed is not None
    np.testing.assert_array_equal(mixed.picture.to_array(), result.original.to_array())


@pytest.mark.parametrize(
    ("given", "source"),
    [({"strength": 1.2}, "file"), ({"sigma": 11.0}, "file"), ({}, "other"), ({}, None)],
    ids=["the model does more", "another level", "another picture", "no picture"],
)
def test_other_settings_need_a_new_run(given: dict[str, float], source: str | None) -> None:
    assert _kept(_result()).mix("number", {**GIVEN, **given}, source=source) is None


def test_number_of_another_visitor_gives_nothing() -> None:
    assert _kept(_result()).mix("other", GIVEN, source="file") is None


def test_oldest_answers_give_way() -> None:
    answers = Answers(3600, most_bytes=20_000)
    for number in range(10):
        answers.keep(str(number), _result(side_px=32), given=GIVEN, source="file")
    found = [number for number in range(10) if answers.mix(str(number), GIVEN, source="file")]
    assert found == [8, 9]


def test_answers_go_when_their_time_is_over() -> None:
    now_s = 0.0
    answers = Answers(100, clock=lambda: now_s)
    answers.keep("old", _result(), given=GIVEN, source="file")
    now_s = 60
    answers.keep("new", _result(), given=GIVEN, source="file")
    now_s = 100
    assert answers.mix("old", GIVEN, source="file") is None
    assert answers.mix("new", GIVEN, source="file") is not None
    now_s = 160
    answers.sweep()
    assert answers.is_empty


def test_a_timer_sweeps_when_nobody_comes() -> None:
    swept = threading.Event()

    class Watched(Answers):
        def sweep(self) -> None:
            super().sweep()
            swept.set()

    answers = Watched(0)
    answers.keep("number", _result(), given=GIVEN, source="file")
    assert swept.wait(timeout=10)
    assert answers.is_empty
