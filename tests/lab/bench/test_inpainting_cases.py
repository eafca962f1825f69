"""Test cases and scores of inpainting."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restoration.lab.bench.cases import Damage, load_cases
from restoration.lab.bench.quality import INPUT, measure
from restoration.lab.bench.report import to_json, to_markdown
from restoration.metrics import haarpsi
from restoration.service.door import Service
from restoration.types import Task


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    x, y = np.meshgrid(np.linspace(0, 6, 128), np.linspace(0, 6, 96))
    for number in range(2):
        waves = np.stack([np.sin(x + number), np.cos(y), np.sin(x + y)], axis=2)
        Image.fromarray(((waves + 1) * 127).astype(np.uint8)).save(folder / f"{number}.png")
    return folder


def test_masks_drawn_on_clean_pictures_depend_on_name_and_seed_only(photographs: Path) -> None:
    first, again, other = (
        [case.mask for case in load_cases(Task.INPAINT, photographs, Damage(seed=seed))] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first[0] != first[1]).any()
    assert (first[0] != other[0]).any()
    assert all(0.02 < mask.mean() < 0.2 for mask in first)


def test_scores_inside_the_holes_are_those_of_their_pixels(photographs: Path, tmp_path: Path) -> None:
    service = Service(records_path=tmp_path / "records.sqlite3", device="cpu")
    cases = list(load_cases(Task.INPAINT, photographs, Damage(holes=("boxes",)), limit=1))
    rows = measure(service, cases, task=Task.INPAINT, models=["telea"], parameters={})
    assert [row.model for row in rows] == [INPUT, "telea"]
    (case,) = cases
    reference, gray = case.reference.to_array().astype(float), case.degraded.to_array().astype(float)
    squared = np.mean((gray - reference)[case.mask] ** 2)
    assert rows[0].scores["hole_psnr"][0] == pytest.approx(10 * np.log10(255**2 / squared))
    assert rows[0].scores["haarpsi"][0] == pytest.approx(haarpsi(gray, reference, data_range=255))
    assert rows[1].mean("hole_psnr") > rows[0].mean("hole_psnr") + 5


def test_table_of_inpainting_has_the_scores_of_holes_and_others_have_not(photographs: Path, tmp_path: Path) -> None:
    service = Service(records_path=tmp_path / "records.sqlite3", device="cpu")
    dots = Damage(salt_and_pepper=0.1)
    for task, damage, model in (
        (Task.INPAINT, Damage(), "telea"),
        (Task.SALT_AND_PEPPER, dots, "adaptive-median"),
    ):
        rows = measure(
            service,
            load_cases(task, photographs, damage, limit=1),
            task=task,
            models=[model],
            parameters={},
        )
        table = to_markdown(to_json(rows, title="x", command="bench quality", settings={}))
        assert ("HOLE_PSNR" in table) == (task is Task.INPAINT)
