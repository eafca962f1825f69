"""Training a network that fills holes."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from restoration.models.membrane import fill_smoothly
from restoration.training.config import Recipe
from restoration.training.dataset import PatchDataset
from restoration.training.losses import pixel_loss
from restoration.training.objectives import restored_and_reference
from restoration.training.trainer import Trainer

FILL = Recipe(
    name="tiny-fill",
    network="fill_unet:FillUNet",
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
