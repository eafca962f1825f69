from __future__ import annotations

import json
from pathlib import Path

import pytest

from restoration.catalogue.benchmarks import Benchmarks


@pytest.fixture
def figures(tmp_path: Path) -> Benchmarks:
    rows = [{"model": "one", "psnr": 31.7506, "ssim": 0.88994}, {"model": "(input)", "psnr": 20.0, "ssim": None}]
    (tmp_path / "set.json").write_text(json.dumps({"rows": rows}), encoding="utf-8")
    lines = [{"what": "1 MP", "unit": "s", "ours": 0.954}]
    (tmp_path / "speed.json").write_text(json.dumps({"lines": lines}), encoding="utf-8")
    return Benchmarks(tmp_path)


def test_figure_is_rounded_as_it_is_written(figures: Benchmarks) -> None:
    assert figures.figure("set", "one", "psnr") == 31.75
    assert figures.figure("set", "one", "ssim") == 0.890
    assert figures.figure("speed", "1 MP", "ours") == 0.95


def test_figures_in_braces_are_filled_in(figures: Benchmarks) -> None:
    words = "PSNR dB (input {(input)}, in {speed:1 MP:ours} s)"
    assert figures.fill_in(words, benchmark="set", metric="psnr") == "PSNR dB (input 20.00, in 0.95 s)"


@pytest.mark.parametrize(
    ("named", "words"),
    [
        (("none", "one", "psnr"), "cannot be read"),
        (("set", "two", "psnr"), r"its rows are one, \(input\)"),
        (("set", "one", "lpips"), "its metrics are psnr, ssim"),
        (("set", "(input)", "ssim"), "its metrics are psnr"),
    ],
)
def test_figure_that_does_not_exist_is_refused(figures: Benchmarks, named: tuple[str, str, str], words: str) -> None:
    with pytest.raises(LookupError, match=words):
        figures.figure(*named)


def test_figure_that_is_not_named_in_full_is_refused(figures: Benchmarks) -> None:
    with pytest.raises(LookupError, match="benchmark:row:metric"):
        figures.fill_in("input {(input)}", benchmark=None, metric=None)
