from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from restoration.lab.bench import speed
from restoration.lab.bench.report import speed_to_json, to_markdown
from restoration.lab.bench.speed import Line, noisy_photograph, photograph, timed


def test_photograph_has_any_size_and_repeats_in_mirror_images() -> None:
    large = photograph(700, 530)
    assert large.shape == (700, 530, 3)
    np.testing.assert_array_equal(large[512:600], large[512 - 88 : 512][::-1])
    assert photograph(64, 48).shape == (64, 48, 3)


def test_noise_is_of_the_level_that_the_denoiser_is_told() -> None:
    noise = noisy_photograph(512, 512) - photograph(512, 512)
    middle = np.abs(photograph(512, 512) - 0.5) < 0.1
    assert float(noise[middle].std()) * 255 == pytest.approx(25, rel=0.02)


def test_sides_take_turns_and_the_first_calls_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    clock = iter(range(1000))
    monkeypatch.setattr(speed.time, "perf_counter", lambda: float(next(clock)))
    seconds = timed({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=2)
    assert calls == ["a", "b"] * 3
    assert seconds == {"a": 1.0, "b": 1.0}


def test_long_side_is_timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(speed, "_LONG_S", 0.0)
    timed({"a": lambda: calls.append("a")}, repeats=5)
    assert calls == ["a", "a"]


def test_lines_become_a_table() -> None:
    line = Line("a job", "s", 0.5, "the other way", 1.0, 2.0, "at least 1.5")
    result = speed_to_json([line], repeats=3)
    assert result["lines"] == [dataclasses.asdict(line)]
    assert "| a job | 0.5 s | the other way: 1 s | 2.00 | at least 1.5 |" in to_markdown(result)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cancel", "users"])
def test_measurement_gives_a_line(name: str) -> None:
    (line,) = speed.measure_speed(only=name, repeats=1, device="cpu")
    assert line.ours > 0
    assert line.baseline > 0
