"""Pairs are shown without names, by lot, and what is said of them is counted for the right model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restoration.cli.main import main
from restoration.errors import InvalidRequest
from restoration.lab.bench.pairs import count_verdicts, write_pairs

DARK, BRIGHT = (("dark", np.full((20, 30, 3), 10, np.uint8)), ("bright", np.full((20, 30, 3), 240, np.uint8)))


def _written(folder: Path, count: int = 24) -> list[str]:
    """Write pairs; return of each the side on which the bright one is."""
    assert write_pairs([(DARK, BRIGHT)] * count, folder, seed=3) == count
    sides = []
    for number in range(1, count + 1):
        with Image.open(folder / f"{number:02d}.png") as image:
            pixels = np.asarray(image)
        assert pixels.shape == (20 * 17, 2 * 30 * 17 + 24, 3)
        sides.append("R" if pixels[0, 0, 0] == 10 else "L")
        assert {int(pixels[0, 0, 0]), int(pixels[0, -1, 0])} == {10, 240}
    return sides


def test_sides_are_drawn_by_lot_and_verdicts_find_their_model(tmp_path: Path) -> None:
    sides = _written(tmp_path / "new" / "pairs")
    assert 4 < sides.count("L") < 20
    verdicts = ["=", *sides[1:-1], "L" if sides[-1] == "R" else "R"]
    counts = count_verdicts(tmp_path / "new" / "pairs", " ".join(verdicts))
    assert counts == {"bright": 22, "dark": 1, "": 1}


@pytest.mark.parametrize("verdicts", ["LR", "LRX", "LRL="])
def test_verdicts_that_do_not_fit_are_refused(tmp_path: Path, verdicts: str) -> None:
    _written(tmp_path, count=3)
    with pytest.raises(InvalidRequest, match="Give 3 verdicts"):
        count_verdicts(tmp_path, verdicts)


def test_folder_without_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="make them with `bench pairs`"):
        count_verdicts(tmp_path, "L")


def test_commands_show_two_models_and_count(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, pairs = tmp_path / "photos", tmp_path / "pairs"
    photos.mkdir()
    for number in range(2):
        Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(photos / f"{number}.png")
    told = ["--set", str(photos), "--task", "super-resolution", "--scale", "2", "--as-they-are", "-o", str(pairs)]
    assert main(["bench", "pairs", *told, "--model", "lanczos"]) == 0
    key = json.loads((pairs / "key.json").read_text())
    assert [set(sides.values()) for sides in key.values()] == 2 * [{"bicubic", "lanczos"}]
    better = next(side for side, model in key["01.png"].items() if model == "lanczos")
    assert main(["bench", "judge", str(pairs), f"{better}="]) == 0
    assert "lanczos better: 1\n" in capsys.readouterr().out
    assert main(["bench", "pairs", *told]) == 2
    assert "name one" in capsys.readouterr().err
