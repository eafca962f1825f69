"""The repair of lost pixels with the denoiser as the prior."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from restoration.algorithms.impulses import fill_impulses, find_impulses
from restoration.degradations.noise import add_salt_and_pepper
from restoration.folders import weights_folder
from restoration.metrics import psnr
from restoration.models import plug_and_play


@pytest.fixture(scope="module")
def remover() -> plug_and_play.PlugAndPlayFill:
    return plug_and_play.build_fill(
        config={}, weights={"net": weights_folder() / "resunet-deep.safetensors"}, parameters={}
    )


def _tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]


def test_sound_pixels_stay_exact_and_lost_ones_come_back(
    remover: plug_and_play.PlugAndPlayFill, rng: np.random.Generator
) -> None:
    from skimage import data

    photo = (data.chelsea()[60:188, 120:248] / 255).astype(np.float32)
    noisy = add_salt_and_pepper(photo, rng=rng, ratio=0.3)
    with torch.no_grad():
        *_, (fraction, restored) = remover.steps(_tensor(noisy), parameters={"iterations": 8})
    assert fraction == 1
    impulses = find_impulses(_tensor(noisy))
    assert torch.equal(restored[impulses == 0], _tensor(noisy)[impulses == 0])
    rough = fill_impulses(_tensor(noisy), impulses)
    assert psnr(restored.clamp(0, 1).numpy(), _tensor(photo).numpy()) > psnr(rough.numpy(), _tensor(photo).numpy()) + 1


def test_picture_without_dots_comes_back_at_once(remover: plug_and_play.PlugAndPlayFill) -> None:
    image = torch.full((1, 3, 16, 16), 0.4)
    ((fraction, restored),) = remover.steps(image, parameters={"iterations": 8})
    assert fraction == 1
    assert torch.equal(restored, image)
