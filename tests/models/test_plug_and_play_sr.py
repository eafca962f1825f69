"""Super-resolution by splitting: an operator that is what it says, and pictures nearer to the original."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from restoration.degradations.resize import downscale
from restoration.folders import weights_folder
from restoration.metrics import psnr
from restoration.models import plug_and_play_sr
from restoration.models.plug_and_play_sr import Shrinking, mirrored, shrinking_kernel

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """A part of scikit-image's cat, (96, 96, 3)."""
    from skimage import data

    return (data.chelsea()[60:156, 120:216] / 255).astype(np.float32)


def _tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]


def _operator(scale: int, side: int, softness_px: float = 0.0) -> Shrinking:
    taps = shrinking_kernel(scale, softness_px=softness_px)
    return Shrinking.of(taps, scale=scale, height=side, width=side, device=CPU)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_operator_is_bicubic_shrinking(scale: int, photo: np.ndarray) -> None:
    side = photo.shape[0] // scale
    inner = np.s_[..., 3 : side - 3, 3 : side - 3]
    ours = _operator(scale, 96).shrink(_tensor(photo)).clamp(0, 1)
    theirs = _tensor(downscale(photo, scale=scale))
    torch.testing.assert_close(ours[inner], theirs[inner], atol=2e-4, rtol=0)


@pytest.mark.parametrize(("scale", "softness_px"), [(2, 0.0), (3, 0.0), (4, 1.6)])
def test_operator_and_its_adjoint_agree(scale: int, softness_px: float, rng: np.random.Generator) -> None:
    operator = _operator(scale, 36, softness_px)
    large, small = (
        torch.from_numpy(rng.random((1, 2, 36, 36))),
        torch.from_numpy(rng.random((1, 2, *[36 // scale] * 2))),
    )
    forth = float((operator.shrink(large) * small).sum())
    assert forth == pytest.approx(float((large * operator.shrink_adjoint(small)).sum()))


@pytest.mark.parametrize("scale", [2, 3])
def test_data_step_solves_its_normal_equations(scale: int, rng: np.random.Generator) -> None:
    operator = _operator(scale, 36)
    prior, small = (
        torch.from_numpy(rng.random((1, 1, 36, 36))),
        torch.from_numpy(rng.random((1, 1, *[36 // scale] * 2))),
    )
    found = operator.solve(small, prior, weight=0.2)
    slope = operator.shrink_adjoint(operator.shrink(found) - small) + 0.2 * (found - prior)
    torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-5, rtol=0)


def test_large_picture_is_nearer_to_the_original_than_by_bicubic(photo: np.ndarray) -> None:
    weights = {"net": weights_folder() / "resunet-photo.safetensors"}
    restorer = plug_and_play_sr.build(config={"blocks": 2, "slopes": False}, weights=weights, parameters={"scale": 2})
    small = _tensor(downscale(photo, scale=2))
    with torch.no_grad():
        *_, (fraction, large) = restorer.steps(small, parameters={"iterations": 6, "sigma": 0.0, "softness": 0.0})
    assert fraction == 1
    plain = torch.nn.functional.interpolate(small, scale_factor=2, mode="bicubic", align_corners=False)
    ours, theirs = (psnr(image.clamp(0, 1).numpy(), _tensor(photo).numpy(), crop_border=0) for image in (large, plain))
    assert ours > theirs + 1


def test_mirrored_margin_is_that_of_numpy(rng: np.random.Generator) -> None:
    image = rng.random((1, 1, 5, 3))
    expected = np.pad(image, ((0, 0), (0, 0), (8, 8), (8, 8)), mode="symmetric")
    np.testing.assert_array_equal(mirrored(torch.from_numpy(image), 8), expected)
