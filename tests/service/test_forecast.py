from __future__ import annotations

import dataclasses

import pytest

from restoration.catalogue.manifest import load_manifest
from restoration.service.forecast import forecast
from restoration.types import RunRecord

MODELS = {info.id: info for info in load_manifest()}


def _run(model: str, *, side: int, run_s: float, outcome: str = "done", peak_bytes: int | None = None) -> RunRecord:
    return RunRecord("", "denoise", model, "", side, side, "cpu", "bfloat16", 0.0, run_s, peak_bytes, outcome)


def test_own_runs_of_about_this_size_tell_most() -> None:
    small = [_run("realesrgan-x4plus", side=100, run_s=0.1) for _ in range(9)]
    large = [_run("realesrgan-x4plus", side=1000, run_s=1.0, peak_bytes=2_000_000_000) for _ in range(5)]
    expected = forecast(MODELS["realesrgan-x4plus"], pixels=2_000_000, records=[*small, *large], models=MODELS)
    assert expected is not None
    assert expected.run_s == pytest.approx(2.0)
    assert expected.peak_bytes == 2_000_000_000


def test_pictures_that_are_seen_once_take_less_than_small_ones_tell() -> None:
    small = [_run("resunet-color", side=500, run_s=8.0)]  # eight views
    expected = forecast(MODELS["resunet-color"], pixels=2_000_000, records=small, models=MODELS)
    assert expected is not None
    assert expected.run_s == pytest.approx(8.0)


def test_large_pictures_that_are_treated_in_a_quicker_way_take_less_than_small_ones_tell() -> None:
    small = [_run("lowlight", side=500, run_s=1.0)]
    expected = forecast(MODELS["lowlight"], pixels=12_000_000, records=small, models=MODELS)
    assert expected is not None
    assert expected.run_s == pytest.approx(48 * MODELS["lowlight"].large_cost)


def test_memory_is_not_told_by_runs_of_much_smaller_pictures() -> None:
    small = [_run("resunet-color", side=100, run_s=0.1, peak_bytes=900_000_000)]
    expected = forecast(MODELS["resunet-color"], pixels=8_000_000, records=small, models=MODELS)
    assert expected is not None
    assert expected.peak_bytes is None


@pytest.mark.parametrize(("side", "views"), [(1200, 1), (500, 8)])
def test_cost_tells_where_the_model_has_not_run_here(side: int, views: int) -> None:
    records = [_run("resunet-color", side=side, run_s=0.5)]
    rate = views * side**2 * MODELS["resunet-color"].macs_per_pixel / 0.5
    expected = forecast(MODELS["realesrgan-x4plus"], pixels=100_000, records=records, models=MODELS)
    assert expected is not None
    assert expected.run_s == pytest.approx(100_000 * MODELS["realesrgan-x4plus"].macs_per_pixel / rate)
    assert expected.peak_bytes is None


@pytest.mark.parametrize("outcome", ["cancelled", "OutOfMemory"])
def test_runs_that_did_not_end_well_tell_nothing(outcome: str) -> None:
    records = [_run("resunet-color", side=1000, run_s=0.5, outcome=outcome)]
    assert forecast(MODELS["resunet-color"], pixels=1000, records=records, models=MODELS) is None


def test_nothing_is_said_where_nothing_is_known() -> None:
    free = dataclasses.replace(MODELS["lanczos"])
    assert forecast(free, pixels=1000, records=[_run("resunet-color", side=9, run_s=1)], models=MODELS) is None


@pytest.mark.parametrize("count", [1, 2, 5])
def test_one_stray_run_among_the_five_nearest_does_not_tell(count: int) -> None:
    """A run of exactly this size that had to wait for others, say: the middle of the five nearest tells."""
    stray = _run("realesrgan-x4plus", side=1000, run_s=90.0)
    near = [_run("realesrgan-x4plus", side=1000 + number, run_s=1e-6 * (1000 + number) ** 2) for number in range(1, 5)]
    far = [_run("realesrgan-x4plus", side=100, run_s=50.0) for _ in range(count)]
    expected = forecast(MODELS["realesrgan-x4plus"], pixels=1_000_000, records=[stray, *far, *near], models=MODELS)
    assert expected is not None
    assert expected.run_s == pytest.approx(1.0)


def test_memory_is_the_most_that_any_of_the_five_nearest_took() -> None:
    runs = [_run("realesrgan-x4plus", side=1000 + number, run_s=1.0, peak_bytes=number * 10**9) for number in range(8)]
    expected = forecast(MODELS["realesrgan-x4plus"], pixels=1_000_000, records=runs, models=MODELS)
    assert expected is not None
    assert expected.peak_bytes == 4 * 10**9
