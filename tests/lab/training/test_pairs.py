"""What low light is learnt from."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from restoration.algorithms.tone_curves import brightness
from restoration.errors import InvalidRequest
from restoration.lab.training.config import Recipe
from restoration.lab.training.dataset import PatchDataset
from restoration.lab.training.datasets import open_dataset
from restoration.lab.training.pairs import ExposureDataset, LiftedNoiseDataset
from restoration.lab.training.trainer import Trainer

LIGHT = Recipe(
    name="light",
    network="models.lowlight:LightNetwork",
    network_config={"widths": (4, 8), "blocks": 1},
    degradation="exposure",
    objective="lift",
    pair_share=0.5,
    steps=40,
    patch_px=16,
    batch=2,
    warmup_steps=2,
    lr=5e-3,
)
NOISE = dataclasses.replace(
    LIGHT,
    name="noise",
    network="models.lowlight:LiftedNoiseNetwork",
    degradation="lifted-noise",
    objective="residual",
    pair_share=0.0,
    batch=4,
)


def _picture(seed: int, side_px: int = 40) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return cv2.resize(noise, (side_px, side_px), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Three scenes, of which the first has two exposures."""
    for name in ("low", "high"):
        (tmp_path / "pairs" / name).mkdir(parents=True)
    for scene in range(3):
        bright = _picture(scene)
        cv2.imwrite(str(tmp_path / "pairs" / "high" / f"s{scene}.png"), bright)
        for number in range(2 if scene == 0 else 1):
            cv2.imwrite(str(tmp_path / "pairs" / "low" / f"s{scene}_{number}.png"), bright // (3 + number))
    return tmp_path / "pairs"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / "photos" / f"{number}.png"), _picture(10 + number))
    return tmp_path / "photos"


def test_every_exposure_of_a_scene_is_a_pair(pairs: Path, photos: Path) -> None:
    dataset = ExposureDataset(LIGHT, [pairs, photos])
    assert dataset.count + len(dataset.validation) == 4 + 3


def test_network_is_told_the_brightness_of_the_bright_picture(pairs: Path, photos: Path) -> None:
    batch = ExposureDataset(LIGHT, [pairs, photos]).batch(0)
    torch.testing.assert_close(batch.level, brightness(batch.gt))
    assert bool((brightness(batch.lq) < brightness(batch.gt)).all())


@pytest.mark.parametrize("recipe", [LIGHT, NOISE], ids=lambda recipe: recipe.name)
def test_a_step_always_gives_the_same_batch(recipe: Recipe, pairs: Path, photos: Path) -> None:
    folders = [pairs, photos] if recipe is LIGHT else [photos]
    first, second = open_dataset(recipe, folders), open_dataset(recipe, folders)
    assert torch.equal(first.batch(7).lq, second.batch(7).lq)
    assert not torch.equal(first.batch(7).lq, first.batch(8).lq)


def test_noise_has_the_level_that_the_network_is_told(photos: Path) -> None:
    batch = LiftedNoiseDataset(dataclasses.replace(NOISE, batch=64), [photos]).batch(0)
    noise = (batch.lq - batch.gt).square().mean(dim=(1, 2, 3)).sqrt()
    ratio = (batch.level.square().mean(dim=(1, 2, 3)).sqrt() / noise).median()
    assert float(ratio) == pytest.approx(1, abs=0.3)


def test_recipe_opens_the_dataset_of_its_degradation(pairs: Path, photos: Path) -> None:
    assert isinstance(open_dataset(LIGHT, [pairs]), ExposureDataset)
    assert isinstance(open_dataset(NOISE, [photos]), LiftedNoiseDataset)
    plain = open_dataset(dataclasses.replace(NOISE, degradation="gaussian"), [photos])
    assert type(plain) is PatchDataset


def test_dark_picture_without_its_partner_is_refused(pairs: Path) -> None:
    (pairs / "high" / "s1.png").unlink()
    with pytest.raises(InvalidRequest, match=r"no partner of s1_0\.png"):
        ExposureDataset(LIGHT, [pairs])


def test_pair_of_two_sizes_is_refused(pairs: Path) -> None:
    cv2.imwrite(str(pairs / "high" / "s2.png"), _picture(2, side_px=30))
    with pytest.raises(InvalidRequest, match="differ in size"):
        ExposureDataset(LIGHT, [pairs])


def test_recipe_of_pairs_without_any_is_refused(photos: Path) -> None:
    with pytest.raises(InvalidRequest, match="folders low and high"):
        ExposureDataset(LIGHT, [photos])


@pytest.mark.parametrize("recipe", [LIGHT, NOISE], ids=lambda recipe: recipe.name)
def test_training_lowers_the_loss(recipe: Recipe, pairs: Path, photos: Path, tmp_path: Path) -> None:
    dataset = open_dataset(recipe, [pairs] if recipe is LIGHT else [photos])
    trainer = Trainer(recipe, dataset, tmp_path / "run", device=torch.device("cpu"))
    before = trainer.validate()
    for _ in range(recipe.steps):
        trainer.train_step()
    assert trainer.validate() > before
