"""Training on real noise: levels for two maps, clean patches, a start that keeps what its maps know, a mixed export."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from restoration.errors import InvalidRequest
from restoration.lab.recipes import RECIPES
from restoration.lab.training.config import Recipe, read_recipe
from restoration.lab.training.damage import damage, damage_for_validation
from restoration.lab.training.dataset import PatchDataset
from restoration.lab.training.export import export
from restoration.lab.training.network import build_network
from restoration.lab.training.noise_level import fit
from restoration.lab.training.trainer import Trainer

TINY = Recipe(
    name="tiny",
    network="networks.unet:ResUNet",
    network_config={"widths": (4, 8), "blocks": 1, "maps": 2},
    degradation="real-noise",
    sigma_255=(2, 20),
    clean_share=0.3,
    steps=4,
    patch_px=32,
    batch=6,
    warmup_steps=1,
)


@pytest.fixture
def photos(tmp_path: Path, rng: np.random.Generator) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a", "b", "c"):
        small = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{name}.png"), cv2.resize(small, (96, 96), interpolation=cv2.INTER_CUBIC))
    return folder


def test_batches_tell_two_levels(photos: Path) -> None:
    batch = PatchDataset(TINY, [photos]).batch(0)
    assert batch.level.shape == (6, 2, 1, 1)
    assert bool((batch.level > 0).all())


def test_clean_patches_are_their_own_target(rng: np.random.Generator) -> None:
    patch = rng.random((32, 32, 3), dtype=np.float32)
    recipe = dataclasses.replace(TINY, clean_share=1.0)
    for _ in range(10):
        found = damage(patch, recipe, rng)
        assert found.target is not None
        assert np.array_equal(found.picture, found.target)


def test_target_of_a_clean_gray_patch_is_gray(photos: Path) -> None:
    recipe = dataclasses.replace(TINY, clean_share=1.0, gray_share=1.0)
    batch = PatchDataset(recipe, [photos]).batch(0)
    assert torch.equal(batch.lq, batch.gt)
    assert torch.equal(batch.gt[:, 0], batch.gt[:, 2])


def test_validation_damage_repeats(rng: np.random.Generator) -> None:
    patch = rng.random((32, 32, 3), dtype=np.float32)
    first, second = (damage_for_validation(patch, TINY, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first.picture, second.picture)
    assert first.level == second.level


@pytest.mark.parametrize("keeps", [True, False])
def test_new_maps_start_at_zero_and_known_ones_as_the_recipe_says(keeps: bool, tmp_path: Path) -> None:
    one_map = dataclasses.replace(TINY, network_config={"widths": (4, 8), "blocks": 1})
    given = build_network(one_map).state_dict()
    save_file({name: tensor.contiguous() for name, tensor in given.items()}, tmp_path / "start.safetensors")
    recipe = dataclasses.replace(TINY, init_from=str(tmp_path / "start.safetensors"), init_maps=keeps)
    head = build_network(recipe).state_dict()["head.weight"]
    assert torch.equal(head[:, :3], given["head.weight"][:, :3])
    assert torch.equal(head[:, 3], given["head.weight"][:, 3] * keeps)
    assert not bool(head[:, 4].any())


def test_export_mixes_the_start_in(photos: Path, tmp_path: Path) -> None:
    trainer = Trainer(TINY, PatchDataset(TINY, [photos]), tmp_path / "run", device=torch.device("cpu"))
    trainer.save()
    average = trainer.average.state_dict()
    start = {name: torch.zeros_like(tensor).contiguous() for name, tensor in average.items()}
    start["head.weight"] = torch.ones_like(average["head.weight"][:, :4]).contiguous()  # it knows one map fewer
    save_file(start, tmp_path / "start.safetensors")
    target = tmp_path / "mixed.safetensors"
    export([trainer.checkpoint_path], target, metadata={}, start=tmp_path / "start.safetensors", share=0.25)
    mixed = load_file(target)
    torch.testing.assert_close(mixed["tail.weight"].float(), 0.25 * average["tail.weight"], atol=1e-3, rtol=0)
    expected = 0.25 * average["head.weight"]
    expected[:, :4] += 0.75
    torch.testing.assert_close(mixed["head.weight"].float(), expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("fault", ["absent", "other"])
def test_start_that_does_not_fit_is_refused(fault: str, photos: Path, tmp_path: Path) -> None:
    trainer = Trainer(TINY, PatchDataset(TINY, [photos]), tmp_path / "run", device=torch.device("cpu"))
    trainer.save()
    start = tmp_path / "start.safetensors"
    if fault == "other":
        save_file({"head.weight": torch.zeros(1, 3)}, start)
    with pytest.raises(InvalidRequest, match="start"):
        export([trainer.checkpoint_path], tmp_path / "x.safetensors", metadata={}, start=start)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"degradation": "gaussian"}, "clean_share"), ({"clean_share": 0, "init_maps": True}, "init_maps")],
)
def test_settings_that_do_nothing_are_refused(changes: dict[str, object], words: str, tmp_path: Path) -> None:
    values = {
        "name": "x",
        "network": "networks.unet:ResUNet",
        "degradation": "real-noise",
        "steps": 1,
        "clean_share": 0.1,
    }
    lines = [
        f"{name} = {str(value).lower() if isinstance(value, bool) else repr(value)}"
        for name, value in (values | changes).items()
    ]
    file = tmp_path / "x.toml"
    file.write_text("\n".join(lines).replace("'", '"'), encoding="utf-8")
    with pytest.raises(InvalidRequest, match=words):
        read_recipe(file)


def test_shipped_recipe_starts_from_the_told_denoiser() -> None:
    recipe = read_recipe(RECIPES / "resunet-measured.toml")
    assert recipe.init_maps
    assert recipe.network_config["maps"] == 2


def test_level_network_learns_a_linear_law(rng: np.random.Generator) -> None:
    from safetensors.numpy import load

    from restoration.diagnosis.noise import FEATURES, NoiseLevelNetwork, from_log

    rows = rng.standard_normal((2000, FEATURES)).astype(np.float32)
    targets = np.stack([2 + 0.5 * rows[:, 0], 2.5 + 0.5 * rows[:, 0]], axis=1).astype(np.float32)
    content, error = fit(rows, targets, seed=0)
    assert error < 0.4  # of 0.5, which knowing nothing would give
    network = NoiseLevelNetwork.from_tensors(load(content))
    fresh = rng.standard_normal((200, FEATURES)).astype(np.float32)
    fine, coarse = np.median([network(row) for row in fresh], axis=0)
    assert fine == pytest.approx(from_log(2.0), rel=0.2)
    assert coarse == pytest.approx(from_log(2.5), rel=0.2)
