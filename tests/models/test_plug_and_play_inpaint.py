"""The repair of holes with the denoiser as the prior."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from restoration.folders import weights_folder
from restoration.metrics import psnr
from restoration.models import plug_and_play_inpaint
from restoration.models.plug_and_play_inpaint import PlugAndPlayInpaint, keep_known, spread


@pytest.fixture(scope="module")
def repairer() -> PlugAndPlayInpaint:
    weights = {"net": weights_folder() / "resunet-photo.safetensors"}
    return plug_and_play_inpaint.build(config={"blocks": 2, "slopes": False}, weights=weights, parameters={})


@pytest.fixture(scope="module")
def photo() -> Tensor:
    """A part of scikit-image's cat, (1, 3, 96, 96)."""
    from skimage import data

    pixels = (data.chelsea()[60:156, 120:216] / 255).astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]


def _repaired(repairer: PlugAndPlayInpaint, image: Tensor, mask: Tensor) -> Tensor:
    with torch.no_grad():
        *_, (fraction, answer) = repairer.steps(image, parameters={"iterations": 10, "sigma": 0.0}, mask=mask)
    assert fraction == 1
    return answer


def test_lost_pixels_come_back_better_than_by_diffusion(repairer: PlugAndPlayInpaint, photo: Tensor) -> None:
    mask = (torch.rand(1, 1, 96, 96, generator=torch.Generator().manual_seed(0)) < 0.6).float()
    ours = _repaired(repairer, photo * (1 - mask), mask)
    holes = np.uint8(mask[0, 0].numpy())
    samples = np.uint8(np.rint(255 * photo[0].numpy().transpose(1, 2, 0))) * (1 - holes[..., None])
    theirs = cv2.inpaint(samples, holes, 5, cv2.INPAINT_TELEA).transpose(2, 0, 1) / 255
    sharp = photo[0].numpy()
    assert psnr(ours[0].clamp(0, 1).numpy(), sharp) > psnr(theirs, sharp) + 1


def test_known_pixels_stay_exact_and_holes_tell_nothing(repairer: PlugAndPlayInpaint, photo: Tensor) -> None:
    mask = torch.zeros(1, 1, 96, 96)
    mask[..., 40:46, 10:80] = 1
    black, white = (_repaired(repairer, torch.where(mask > 0, value, photo), mask) for value in (0.0, 1.0))
    assert torch.equal(black, white)
    assert torch.equal(black.masked_select(mask == 0), photo.masked_select(mask == 0))


def test_data_step_solves_its_normal_equations(rng: np.random.Generator) -> None:
    observed, prior = (torch.from_numpy(rng.random((1, 3, 6, 7))) for _ in range(2))
    known = torch.from_numpy((rng.random((1, 1, 6, 7)) < 0.5).astype(np.float64))
    found = keep_known(observed, prior, known, weight=0.3)
    torch.testing.assert_close(known * (found - observed) + 0.3 * (found - prior), torch.zeros_like(found))


def test_spread_keeps_a_constant_and_reaches_everywhere(rng: np.random.Generator) -> None:
    known = torch.zeros(1, 1, 33, 20)
    known[..., 5, 7] = 1
    image = torch.where(known > 0, torch.tensor(0.7), torch.tensor(0.1)).expand(1, 3, -1, -1)
    torch.testing.assert_close(spread(image, known), torch.full((1, 3, 33, 20), 0.7))


def test_flat_colour_is_continued(repairer: PlugAndPlayInpaint) -> None:
    mask = torch.zeros(1, 1, 96, 96)
    mask[..., 40:50, 8:88] = 1
    colour = torch.tensor([0.2, 0.3, 0.1])[None, :, None, None].expand(1, 3, 96, 96)
    torch.testing.assert_close(_repaired(repairer, colour, mask), colour, atol=0.02, rtol=0)
