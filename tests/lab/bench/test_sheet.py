"""Contact sheets: one row per case, one column per picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restoration.cli.main import main
from restoration.images import Picture
from restoration.lab.bench.cases import Case, Damage, load_cases
from restoration.lab.bench.sheet import contact_sheet
from restoration.service.door import Service
from restoration.types import Task

CROP_PX = 32


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    for name, size in (("a.png", (60, 40)), ("b.png", (20, 90))):
        pixels = rng.integers(0, 256, (size[1] // 4 + 1, size[0] // 4 + 1, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).save(tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(("ratio", "columns"), [(0.2, 3), (0.0, 2)], ids=["with reference", "nothing to compare with"])
def test_sheet_has_a_row_for_each_case_and_a_column_for_each_picture(
    folder: Path, tmp_path: Path, ratio: float, columns: int
) -> None:
    service = Service(records_path=tmp_path / "records.sqlite3", device="cpu")
    cases = load_cases(Task.SALT_AND_PEPPER, folder, Damage(salt_and_pepper=ratio))
    sheet = contact_sheet(
        service, cases, task=Task.SALT_AND_PEPPER, models=["adaptive-median"], parameters={}, crop_px=CROP_PX
    )
    assert sheet.width == columns * (CROP_PX + 4)
    assert sheet.height == 2 * (CROP_PX + 4 + 16)


def test_enlarged_pictures_stand_beside_their_input_at_one_size(folder: Path, tmp_path: Path) -> None:
    service = Service(records_path=tmp_path / "records.sqlite3", device="cpu")
    cases = load_cases(Task.SUPER_RESOLUTION, folder, Damage(scale=2))
    sheet = contact_sheet(
        service, cases, task=Task.SUPER_RESOLUTION, models=["bicubic"], parameters={"scale": 2}, crop_px=CROP_PX
    )
    assert sheet.width == 3 * (CROP_PX + 4)


def test_real_pictures_are_enlarged_as_they_are(folder: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheets" / "real.png"
    arguments = ["--set", str(folder), "--task", "super-resolution", "--scale", "2", "--crop", str(2 * 60)]
    assert main(["bench", "sheet", "--as-they-are", *arguments, "-o", str(sheet)]) == 0
    with Image.open(sheet) as image:
        assert image.width == 2 * (2 * 60 + 4)  # the input and the answer, no reference
        seen = np.asarray(image)[16 : 16 + 2 * 40, : 2 * 60]
    given = np.asarray(Image.open(folder / "a.png").convert("RGB"))
    np.testing.assert_array_equal(seen, given.repeat(2, axis=0).repeat(2, axis=1))


def test_damage_and_pictures_as_they_are_exclude_each_other(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--set", str(folder), "--task", "denoise", "--sigma", "25", "-o", str(tmp_path / "s.png")]
    assert main(["bench", "sheet", "--as-they-are", *arguments]) != 0
    assert "leave out what damages them" in capsys.readouterr().err


def test_crop_of_a_filled_picture_shows_the_hole(tmp_path: Path) -> None:
    pixels = np.full((120, 160, 3), 0.25, np.float32)
    pixels[:40] = np.random.default_rng(0).random((40, 160, 3))  # the liveliest part lies elsewhere
    mask = np.zeros((120, 160), np.bool_)
    mask[100:108, 130:140] = True
    reference = Picture(pixels)
    damaged = reference.with_pixels(np.where(mask[..., None], np.float32(1), pixels))
    service = Service(records_path=tmp_path / "records.sqlite3", device="cpu")
    sheet = contact_sheet(
        service,
        [Case("a", damaged, reference, mask)],
        task=Task.INPAINT,
        models=["telea"],
        parameters={},
        crop_px=CROP_PX,
    )
    crop = np.asarray(sheet)[16 : 16 + CROP_PX, :CROP_PX]
    assert (crop == 255).all(axis=2).sum() == mask.sum()
