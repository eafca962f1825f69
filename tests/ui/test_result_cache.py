"""Changing the strength after a run: exact where it can be, refused where a new run is needed."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from restoration.catalogue.manifest import load_manifest
from restoration.catalogue.parameters import complete
from restoration.images import Picture
from restoration.service.enlarging import consistency_of, resampled
from restoration.types import RestoreResult, RunStats, Task, as_mapping
from restoration.ui.form import Form
from restoration.ui.result_cache import Answers

DENOISER = next(info for info in load_manifest() if info.id == "resunet-color")

STATS = RunStats(device="cpu", dtype="float32", queue_s=0, run_s=1, tiles=1, peak_bytes=None)
GIVEN = as_mapping({"sigma": 10.0, "strength": 1.0})
FORM = Form(Task.DENOISE, DENOISER.id, "auto", False, "auto", False, dict(GIVEN))
SOURCES = ("picture", "kernel")


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


def _given(**values: float) -> Form:
    """Return the settings with other parameters."""
    return replace(FORM, parameters={**GIVEN, **values})


def _kept(result: RestoreResult) -> Answers:
    answers = Answers(3600)
    answers.keep("number", result, FORM, sources=SOURCES)
    return answers


@pytest.mark.parametrize("bit_depth", [8, 16])
@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_mixed_picture_lies_between_original_and_answer(bit_depth: int, strength: float) -> None:
    result = _result(bit_depth=bit_depth)
    mixed = _kept(result).mix("number", _given(strength=strength), sources=SOURCES)
    assert mixed is not None
    expected = result.original.pixels + strength * (result.answer - result.original.pixels)
    np.testing.assert_allclose(mixed.picture.pixels, expected, atol=0.3 / (2**bit_depth - 1))
    assert mixed.parameters["strength"] == strength


@pytest.mark.parametrize("bit_depth", [8, 16])
def test_enlarged_picture_is_mixed_with_the_plainly_enlarged_one(bit_depth: int) -> None:
    small = _result(bit_depth=bit_depth)
    large = np.random.default_rng(1).random((64, 64, 3), dtype=np.float32)
    alphas = [np.linspace(0.5, 1, side * side, dtype=np.float32).reshape(side, side) for side in (16, 64)]
    original = small.original.with_pixels(small.original.pixels, alpha=alphas[0])
    result = replace(
        small,
        picture=original.with_pixels(large, alpha=alphas[1]),
        answer=large,
        original=original,
        consistency_db=consistency_of(large, original),
    )
    mixed = _kept(result).mix("number", _given(strength=0.3), sources=SOURCES)
    assert mixed is not None
    plain = resampled(original.pixels, width=64, height=64)
    np.testing.assert_allclose(mixed.picture.pixels, plain + 0.3 * (large - plain), atol=0.5 / (2**bit_depth - 1))
    assert mixed.picture.alpha is alphas[1]
    assert mixed.original.alpha is alphas[0]
    assert mixed.consistency_db == pytest.approx(consistency_of(mixed.picture.pixels, original), abs=0.01)
    assert mixed.consistency_db > result.consistency_db


def test_strength_zero_gives_the_original_exactly() -> None:
    result = _result()
    mixed = _kept(result).mix("number", _given(strength=0.0), sources=SOURCES)
    assert mixed is not None
    np.testing.assert_array_equal(mixed.picture.to_array(), result.original.to_array())


@pytest.mark.parametrize("given", [{"strength": 1.2}, {"sigma": 11.0}], ids=["the model does more", "another level"])
def test_other_parameters_need_a_new_run(given: dict[str, float]) -> None:
    assert _kept(_result()).mix("number", _given(**given), sources=SOURCES) is None


@pytest.mark.parametrize(
    "changed",
    [{"model": "mwcnn"}, {"task": Task.DEJPEG}, {"keep_gps": True}, {"fit": True}, {"precision": "exact"}],
    ids=lambda changed: next(iter(changed)),
)
def test_other_settings_need_a_new_run(changed: dict[str, Any]) -> None:
    assert _kept(_result()).mix("number", replace(_given(strength=0.5), **changed), sources=SOURCES) is None


@pytest.mark.parametrize("sources", [("other", "kernel"), (None, "kernel"), ("picture", "other"), ("picture", None)])
def test_other_files_need_a_new_run(sources: tuple[str | None, str | None]) -> None:
    assert _kept(_result()).mix("number", _given(strength=0.5), sources=sources) is None


def test_other_file_type_needs_no_new_run() -> None:
    assert _kept(_result()).mix("number", replace(FORM, file_format="TIFF"), sources=SOURCES) is not None


def test_number_of_another_visitor_gives_nothing() -> None:
    assert _kept(_result()).mix("other", FORM, sources=SOURCES) is None


def test_answer_too_large_to_be_kept_drives_nobody_elses_out() -> None:
    answers = Answers(3600, most_bytes=20_000)
    answers.keep("small", _result(side_px=16), FORM, sources=SOURCES)
    answers.keep("large", _result(side_px=64), FORM, sources=SOURCES)
    assert answers.mix("large", FORM, sources=SOURCES) is None
    assert answers.mix("small", FORM, sources=SOURCES) is not None
    assert (answers.pixels_of("large"), answers.pixels_of("small")) == (0, 2 * 16**2)


def test_oldest_answers_give_way() -> None:
    answers = Answers(3600, most_bytes=20_000)
    for number in range(10):
        answers.keep(str(number), _result(side_px=32), FORM, sources=SOURCES)
    found = [number for number in range(10) if answers.mix(str(number), FORM, sources=SOURCES)]
    assert found == [8, 9]


def test_answers_go_when_their_time_is_over() -> None:
    now_s = 0.0
    answers = Answers(100, clock=lambda: now_s)
    answers.keep("old", _result(), FORM, sources=SOURCES)
    now_s = 60
    answers.keep("new", _result(), FORM, sources=SOURCES)
    now_s = 100
    assert answers.mix("old", FORM, sources=SOURCES) is None
    assert answers.mix("new", FORM, sources=SOURCES) is not None
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
    answers.keep("number", _result(), FORM, sources=SOURCES)
    assert swept.wait(timeout=10)
    assert answers.is_empty
