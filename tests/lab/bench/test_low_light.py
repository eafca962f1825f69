"""The scores of brightening, on pictures whose right answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restoration.images import Picture
from restoration.lab.bench.cases import Case, Damage, load_cases
from restoration.lab.bench.low_light import GAMMA, UNPAIRED, kept, methods, score, to_markdown
from restoration.service.door import Service
from restoration.types import Task


@pytest.fixture
def bright(rng: np.random.Generator) -> np.ndarray:
    x = np.linspace(0.1, 0.9, 64, dtype=np.float32)
    return np.stack([np.tile(x, (64, 1)), np.tile(x[:, None], (1, 64)), np.full((64, 64), 0.4, np.float32)], axis=2)


def test_untouched_picture_is_kept_perfectly(bright: np.ndarray) -> None:
    values = kept(bright, bright)
    assert values[UNPAIRED[0]] == 60
    assert values["hue shift deg"] == 0


def test_hue_shift_of_swapped_colours_is_that_of_the_circle() -> None:
    red = np.tile(np.array([0.8, 0.2, 0.2], np.float32), (8, 8, 1))
    green = np.ascontiguousarray(red[..., [1, 0, 2]])
    assert kept(red, green)["hue shift deg"] == pytest.approx(120, abs=0.5)


def test_clipped_share_counts_pixels_at_the_end(bright: np.ndarray) -> None:
    after = bright.copy()
    after[:16, :, 0] = 1
    values = kept(bright, after)
    assert (values["clipped before"], values["clipped after"]) == (0, 0.25)


def test_matched_mean_forgives_a_wrong_exposure_only(bright: np.ndarray) -> None:
    case = Case("one", Picture(bright * np.float32(0.5)), Picture(bright))
    (row,) = score([case], {"half": lambda picture: picture.pixels})
    assert row.values["PSNR dB"] < 20
    assert row.values["PSNR dB, mean matched"] > 45


def test_table_has_a_row_for_each_method(bright: np.ndarray, tmp_path: Path) -> None:
    for name, pixels in (("low", bright * 0.3), ("high", bright)):
        (tmp_path / name).mkdir()
        Image.fromarray((pixels * 255).astype(np.uint8)).save(tmp_path / name / "a.png")
    service = Service(records_path=tmp_path / "records.sqlite3", device="cpu")
    scores = score(load_cases(Task.LOW_LIGHT, tmp_path, Damage()), methods(service, ["clahe"], parameters={}))
    assert [row.method for row in scores] == ["(input)", GAMMA, "clahe"]
    assert len(to_markdown(scores).splitlines()) == 5


def test_dark_pictures_without_references_can_be_looked_at(bright: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray((bright * 255).astype(np.uint8)).save(tmp_path / "a.png")
    (case,) = load_cases(Task.LOW_LIGHT, tmp_path, Damage())
    assert case.reference is case.degraded
