"""Which photographs are learnt from, in which order, and what is said where they do not suffice."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from restoration.degradations.noise import quantize_8bit
from restoration.degradations.resize import downscale
from restoration.degradations.second_order import degrade_twice
from restoration.errors import InvalidRequest
from restoration.lab.training.config import Degradation, Recipe
from restoration.lab.training.damage import damage
from restoration.lab.training.dataset import SUFFIXES, PatchDataset, find_photos
from restoration.lab.training.datasets import open_dataset
from restoration.lab.training.photographs import keep_list


def _recipe(degradation: Degradation = "gaussian", *, scale: int = 1, pair_share: float = 0.0) -> Recipe:
    return Recipe(
        name="x",
        network="networks.unet:ResUNet",
        degradation=degradation,
        steps=4,
        scale=scale,
        patch_px=8,
        batch=4,
        pair_share=pair_share,
    )


def _write(folder: Path, *names: str, side_px: int = 40) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        noise = np.random.default_rng(sum(name.encode())).integers(0, 256, (side_px, side_px, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / name), noise)
    return folder


def test_batch_is_the_same_wherever_the_folders_lie(tmp_path: Path) -> None:
    first = [_write(tmp_path / "z" / name, f"{name}1.png", f"{name}2.png") for name in ("one", "two")]
    second = [tmp_path / "z" / "one", tmp_path / "a" / "two"]
    batch = PatchDataset(_recipe(), first).batch(3)
    second[1].parent.mkdir()
    shutil.move(first[1], second[1])
    for folders in (second, second[::-1]):
        assert torch.equal(PatchDataset(_recipe(), folders).batch(3).gt, batch.gt)


def test_list_of_photographs_is_kept_and_compared(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = _write(tmp_path / "set", "b.png", "a.png")
    keep_list([folder], tmp_path / "run", goes_on=False)
    lines = (tmp_path / "run" / "photographs.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split("  ")[1] for line in lines] == ["set/a.png", "set/b.png"]
    assert lines[0].startswith(hashlib.sha256((folder / "a.png").read_bytes()).hexdigest()[:16])
    keep_list([folder], tmp_path / "run", goes_on=True)
    assert not caplog.records
    _write(folder, "c.png")
    keep_list([folder], tmp_path / "run", goes_on=True)
    assert "not those of" in caplog.text
    assert len((tmp_path / "run" / "photographs.txt").read_text(encoding="utf-8").splitlines()) == 2
    keep_list([folder], tmp_path / "run", goes_on=False)  # what began before left no checkpoint
    assert len((tmp_path / "run" / "photographs.txt").read_text(encoding="utf-8").splitlines()) == 3


def test_folders_of_one_name_keep_all_their_photographs(tmp_path: Path) -> None:
    folders = [_write(tmp_path / name / "train", "1.png", "2.png") for name in ("one", "two")]
    assert len(find_photos(folders)) == 4
    assert len(find_photos([*folders, folders[0]])) == 4


def test_photographs_that_are_too_small_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = _write(tmp_path, "a.png", "b.png", "c.png")
    cv2.imwrite(str(folder / "d.png"), np.zeros((7, 40, 3), np.uint8))
    with caplog.at_level("INFO"):
        assert PatchDataset(_recipe(), [folder]).count == 2
    assert "1 photographs are left out: a side is shorter than 8 px" in caplog.text


def test_folders_of_one_parent_are_in_the_order_of_their_paths(tmp_path: Path) -> None:
    folders = [_write(tmp_path / name, "b.png", "a.png") for name in ("set-2", "set", "set.old", "Set")]
    _write(tmp_path / "set" / "a", "c.png")
    found = find_photos(folders)
    assert found == sorted((file for file in tmp_path.rglob("*") if file.suffix in SUFFIXES), key=str)


def test_photograph_is_found_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = _write(tmp_path / "photos" / "inner", "a.png", "b.png")
    (tmp_path / "photos" / "link.png").symlink_to(inner / "a.png")
    found = find_photos([tmp_path / "photos", inner])
    assert sorted(file.resolve().name for file in found) == ["a.png", "b.png"]
    monkeypatch.chdir(inner)
    assert [file.name for file in find_photos([Path(), inner])] == ["a.png", "b.png"]


@pytest.mark.parametrize("degradation", ["gaussian", "lifted-noise"])
def test_single_photograph_is_not_enough(degradation: Degradation, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="At least two photographs are needed, one to learn from and one held out"):
        open_dataset(_recipe(degradation), [_write(tmp_path / "photos", "a.png")])


def test_photographs_to_learn_from_that_are_too_small_are_told(tmp_path: Path) -> None:
    _write(tmp_path / "photos", "a.png")
    _write(tmp_path / "photos", "b.png", side_px=7)
    with pytest.raises(InvalidRequest, match="to learn from has both sides of at least 8 px"):
        open_dataset(_recipe(), [tmp_path / "photos"])


@pytest.mark.parametrize(("degradation", "scale", "least_px"), [("bicubic", 4, 32), ("lifted-noise", 1, 16)])
def test_held_out_photographs_that_are_too_small_are_told(
    degradation: Degradation, scale: int, least_px: int, tmp_path: Path
) -> None:
    _write(tmp_path / "photos", "a.png", side_px=least_px - 1)
    _write(tmp_path / "photos", "b.png")
    with pytest.raises(InvalidRequest, match=f"None of the 1 photographs held out .* at least {least_px} px"):
        open_dataset(_recipe(degradation, scale=scale), [tmp_path / "photos"])
    _write(tmp_path / "photos", "a.png", side_px=least_px)
    assert len(open_dataset(_recipe(degradation, scale=scale), [tmp_path / "photos"]).validation) == 1


def test_single_exposure_pair_is_not_enough_to_learn_from(tmp_path: Path) -> None:
    for name in ("low", "high"):
        _write(tmp_path / "pairs" / name, "a.png")
    photos = _write(tmp_path / "photos", "a.png", "b.png")
    with pytest.raises(InvalidRequest, match="At least two exposure pairs are needed"):
        open_dataset(_recipe("exposure"), [tmp_path / "pairs"])
    dataset = open_dataset(_recipe("exposure"), [tmp_path / "pairs", photos])  # the pair validates
    assert len(dataset.validation) == 1
    assert dataset.batch(0).lq.shape == (4, 3, 8, 8)


def test_photographs_alone_cannot_validate_exposure(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="needs exposure pairs, at least to validate on"):
        open_dataset(_recipe("exposure"), [_write(tmp_path / "photos", "a.png", "b.png")])


def test_light_damage_is_shrinking_and_at_most_one_compression(rng: np.random.Generator) -> None:
    coarse = 0.3 + 0.4 * rng.random((6, 6, 1), dtype=np.float32).repeat(3, axis=2)
    clean = cv2.resize(coarse, (96, 96), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    recipe = dataclasses.replace(_recipe("second-order", scale=4), light_share=1.0)
    shrunk = quantize_8bit(downscale(clean, scale=4))
    lightly = [np.abs(damage(clean, recipe, np.random.default_rng(seed)).picture - shrunk).mean() for seed in range(20)]
    assert 4 <= sum(difference == 0 for difference in lightly) <= 16
    assert max(lightly) < 0.06
    heavily = dataclasses.replace(recipe, light_share=0.0)
    assert np.array_equal(
        damage(clean, heavily, np.random.default_rng(0)).picture,
        degrade_twice(clean, rng=np.random.default_rng(0), scale=4),
    )
