"""Training a network that fills holes."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from restoration.algorithms.harmonic_fill import fill_smoothly
from restoration.errors import InvalidRequest
from restoration.lab.training import damage
from restoration.lab.training.config import Recipe
from restoration.lab.training.dataset import PatchDataset
from restoration.lab.training.losses import pixel_loss
from restoration.lab.training.network import build_network
from restoration.lab.training.objectives import restored_and_reference
from restoration.lab.training.trainer import Trainer

FILL = Recipe(
    name="tiny-fill",
    network="networks.fill_unet:FillUNet",
    network_config={"widths": (4, 8), "blocks": (1,), "dilations": (1,)},
    degradation="holes",
    objective="fill",
    steps=60,
    patch_px=32,
    batch=4,
    lr=3e-3,
    warmup_steps=2,
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures of hard edges, which a smooth fill misses."""
    folder = tmp_path_factory.mktemp("edges")
    rows, columns = np.mgrid[:96, :120]
    for number in range(2):
        stripes = (((rows + (2 * number - 1) * columns) // 9) % 2 * 200 + 20).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), cv2.merge([stripes] * 3))
    return folder


def test_batch_differs_from_the_clean_one_inside_the_holes_only(photos: Path) -> None:
    batch = PatchDataset(FILL, [photos]).batch(1)
    assert batch.mask is not None
    assert set(batch.mask.unique().tolist()) == {0.0, 1.0}
    known = (batch.mask == 0).expand_as(batch.lq)
    assert torch.equal(batch.lq[known], batch.gt[known])
    assert not torch.equal(batch.lq, batch.gt)


def test_validation_holes_are_filled_as_the_model_fills_them(photos: Path) -> None:
    (held_out,) = PatchDataset(FILL, [photos]).validation
    assert held_out.mask is not None
    gt = held_out.gt[0].permute(1, 2, 0).numpy()
    expected = fill_smoothly(gt, held_out.mask[0, 0].numpy() > 0)
    np.testing.assert_array_equal(held_out.lq[0].permute(1, 2, 0).numpy(), expected)


def test_share_of_the_holes_is_known_at_half_the_size_and_told_so(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(damage, "_MOST_SOFT_PX", 0.0)
    recipe = dataclasses.replace(FILL, half_share=0.5, batch=40)
    batch = PatchDataset(recipe, [photos]).batch(2)
    assert batch.mask is not None
    is_half_known = batch.level.flatten() == 1
    assert set(batch.level.unique().tolist()) == {0.0, 1.0}
    for told, lq, gt, mask in zip(is_half_known, batch.lq, batch.gt, batch.mask, strict=True):
        truth = gt.permute(1, 2, 0).numpy()
        small = cv2.resize(truth, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        enlarged = cv2.resize(small, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        expected = enlarged if told else fill_smoothly(truth, mask[0].numpy() > 0)
        lost = mask[0].numpy() > 0
        np.testing.assert_array_equal(lq.permute(1, 2, 0).numpy()[lost], expected[lost])


def test_network_that_cannot_be_told_learns_nothing_at_half_the_size(photos: Path, tmp_path: Path) -> None:
    recipe = dataclasses.replace(FILL, half_share=0.5)
    with pytest.raises(InvalidRequest, match="cannot be told what is known at half the size; remove half_share"):
        Trainer(recipe, PatchDataset(recipe, [photos]), tmp_path, device=torch.device("cpu"))


def test_objective_tells_a_network_with_stages_what_is_known(photos: Path) -> None:
    network = "models.contextual_attention:ContextualAttentionNet"
    recipe = dataclasses.replace(FILL, network=network, half_share=0.5, batch=8)
    batch, staged = PatchDataset(recipe, [photos]).batch(2), build_network(recipe)
    with torch.no_grad():
        restored, _ = restored_and_reference(staged, batch, recipe)
        *_, expected = staged.stages(batch.lq, batch.mask, batch.level)  # type: ignore[operator]
    assert batch.mask is not None
    torch.testing.assert_close(restored, torch.lerp(batch.lq, expected, batch.mask))
    assert 0 < float(batch.level.mean()) < 1


def test_what_is_known_at_half_the_size_may_be_softer(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = dataclasses.replace(FILL, half_share=1.0, batch=20)
    edges = []
    for most in (0.0, 3.0):
        monkeypatch.setattr(damage, "_MOST_SOFT_PX", most)
        edges.append(float(PatchDataset(recipe, [photos]).batch(4).lq.diff(dim=3).abs().mean()))
    assert edges[1] < 0.95 * edges[0]


def test_patches_that_are_cut_larger_and_shrunk_have_finer_stripes(photos: Path) -> None:
    edges = []
    for most in (1.0, 2.5):
        recipe = dataclasses.replace(FILL, most_shrunk=most, batch=40)
        gt = PatchDataset(recipe, [photos]).batch(3).gt
        assert gt.shape == (40, 3, 32, 32)
        edges.append(float(gt.diff(dim=3).abs().mean()))
    assert edges[1] > 1.2 * edges[0]


def test_objective_changes_the_holes_only(photos: Path, tmp_path: Path) -> None:
    trainer = Trainer(FILL, PatchDataset(FILL, [photos]), tmp_path, device=torch.device("cpu"))
    batch = trainer.next_batch()
    restored, _ = restored_and_reference(trainer.network, batch, FILL)
    assert batch.mask is not None
    known = (batch.mask == 0).expand_as(batch.lq)
    assert torch.equal(restored[known], batch.lq[known])


@pytest.mark.parametrize("loss", ["l1", "l2", "log-l1", "rms"])
def test_loss_counts_the_holes_only_and_each_picture_alike(loss: str) -> None:
    recipe = dataclasses.replace(FILL, loss=loss)
    error, mask = torch.zeros(2, 3, 8, 8), torch.zeros(2, 1, 8, 8)
    mask[0, :, :4], mask[1, :, 0, 0] = 1, 1
    error[0, :, :4], error[1, :, 0, 0] = 0.1, 0.3
    error[:, :, 7] = 5
    found = float(pixel_loss(error, torch.zeros_like(error), recipe, mask=mask))
    floor = 0.5 / 255
    expected = {
        "l1": 0.2,
        "l2": (0.01 + 0.09) / 2,
        "log-l1": (math.log(0.1 + floor) + math.log(0.3 + floor)) / 2,
        "rms": (math.hypot(0.1, floor) + math.hypot(0.3, floor)) / 2,
    }
    assert found == pytest.approx(expected[loss], rel=1e-4)


def test_validation_is_the_psnr_of_the_lost_pixels_and_rises(photos: Path, tmp_path: Path) -> None:
    trainer = Trainer(FILL, PatchDataset(FILL, [photos]), tmp_path, device=torch.device("cpu"))
    torch.nn.init.zeros_(trainer.average.tail.weight)
    (held_out,) = trainer.dataset.validation
    assert held_out.mask is not None
    lost = (held_out.mask > 0).expand_as(held_out.gt)
    smooth_db = float(-10 * torch.log10(((held_out.lq - held_out.gt)[lost] ** 2).mean()))
    assert trainer.validate() == pytest.approx(smooth_db, abs=1e-3)
    for _ in range(FILL.steps):
        trainer.train_step()
    assert trainer.validate() > smooth_db + 0.1
