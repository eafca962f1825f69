"""The drawing of quality against speed."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from restoration.cli.main import main
from restoration.errors import InvalidRequest
from restoration.lab.bench.plot import draw_quality_against_speed

RESULT = {
    "title": "Set <five>",
    "rows": [
        {"model": "(input)", "psnr": 20.0, "seconds_per_megapixel": None},
        {"model": "slow", "psnr": 32.0, "seconds_per_megapixel": 10.0},
        {"model": "fast", "psnr": 30.0, "seconds_per_megapixel": 0.1},
        {"model": "middle", "psnr": 31.0, "seconds_per_megapixel": 1.0},
    ],
}


def _dots(svg: str) -> dict[str, tuple[float, float]]:
    centres = re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', svg)
    names = re.findall(r">(slow|fast|middle)<", svg)
    return {name: (float(x), float(y)) for name, (x, y) in zip(names, centres, strict=True)}


def test_better_is_higher_and_faster_is_further_left() -> None:
    svg = draw_quality_against_speed(RESULT)
    ElementTree.fromstring(svg)  # noqa: S314 - our own text
    dots = _dots(svg)
    assert dots["fast"][0] < dots["middle"][0] < dots["slow"][0]
    assert dots["slow"][1] < dots["middle"][1] < dots["fast"][1]
    assert dots["middle"][0] - dots["fast"][0] == pytest.approx(dots["slow"][0] - dots["middle"][0], abs=0.2)


def test_names_never_cover_one_another() -> None:
    rows = [{"model": f"m{number}", "psnr": 30.0, "seconds_per_megapixel": 1.0 + number} for number in range(5)]
    svg = draw_quality_against_speed({"title": "", "rows": rows})
    heights = sorted(float(y) for y in re.findall(r'y="([\d.]+)">m\d<', svg))
    assert all(below - above >= 15 for above, below in pairwise(heights))


def test_result_without_speeds_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no two models"):
        draw_quality_against_speed({"rows": RESULT["rows"][:2]})


def test_command_draws_a_file_and_refuses_another(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(RESULT))
    assert main(["bench", "plot", str(tmp_path / "a.json"), "-o", str(tmp_path / "new" / "a.svg")]) == 0
    assert "Set &lt;five&gt;" in (tmp_path / "new" / "a.svg").read_text()
    assert main(["bench", "plot", str(tmp_path / "none.json"), "-o", str(tmp_path / "b.svg")]) == 2
