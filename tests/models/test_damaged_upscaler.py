"""Super-resolution of damaged pictures: noise goes first, and the answer follows what the input shows."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.manifest import load_manifest, weights_folder
from restoration.models.base import Contract
from restoration.models.damaged_upscaler import (
    DamagedUpscaler,
    _agreed,
    _brightest,
    build,
    crisper,
    without_grid,
)
from restoration.models.edsr import EDSR, upsample_skip
from restoration.models.smoothing import gaussian_smooth

_SIGMA = 15 / 255


class _Shifted(nn.Module):
    """Find detail that makes everything darker and redder."""

    def forward(self, image: Tensor) -> Tensor:
        shift = torch.tensor([0.1, -0.2, -0.1]).reshape(1, 3, 1, 1)
        return shift.expand(len(image), 3, 4 * image.shape[2], 4 * image.shape[3])


class _Told(nn.Module):
    """Take the told level for the noise of every pixel, and count the pictures."""

    seen = 0

    def forward(self, image: Tensor, told: Tensor) -> Tensor:
        self.seen += len(image)
        return told.expand_as(image)


def _upscaler(crispness: float = 0.0) -> DamagedUpscaler:
    return DamagedUpscaler(_Shifted(), _Told(), Contract(scale=4), crispness=crispness)  # type: ignore[arg-type]


def _shrunk(answer: Tensor) -> Tensor:
    return functional.interpolate(answer, scale_factor=0.25, mode="bicubic", antialias=True)


def test_colours_follow_the_input_whatever_the_network_does() -> None:
    image = torch.rand(1, 3, 24, 24)
    answer = _upscaler().restore(image, parameters=[{"sigma": 0.0}])
    torch.testing.assert_close(answer.mean(dim=(2, 3)), image.mean(dim=(2, 3)), atol=2e-3, rtol=0)


def test_agreement_makes_the_shrunk_answer_nearer_to_the_input() -> None:
    image = functional.interpolate(torch.rand(1, 3, 6, 6), size=(24, 24), mode="bicubic").clamp(0, 1)
    free = upsample_skip(image, 4) + _Shifted()(image)
    answer = _upscaler().restore(image, parameters=[{"sigma": 0.0}])
    assert float((_shrunk(answer) - image).abs().mean()) < 0.1 * float((_shrunk(free) - image).abs().mean())


def test_half_of_the_noise_goes_first_where_there_is_some() -> None:
    upscaler = _upscaler()
    image = torch.rand(2, 3, 24, 24)
    answer = upscaler.restore(image, parameters=[{"sigma": 0.0}, {"sigma": 0.1}])
    assert upscaler.denoiser.seen == 1
    alone = upscaler.restore(image[1:] - 0.05, parameters=[{"sigma": 0.0}])
    torch.testing.assert_close(answer[1:].mean(), alone.mean(), atol=2e-3, rtol=0)
    torch.testing.assert_close(answer[:1], upscaler.restore(image[:1], parameters=[{"sigma": 0.0}]))


def test_crispness_steepens_edges() -> None:
    image = torch.full((1, 3, 24, 24), 0.2)
    image[..., 12:] = 0.8
    soft, crisp = (_upscaler(each).restore(image, parameters=[{"sigma": 0.0}]) for each in (0.0, 0.4))
    assert float(crisp.diff(dim=-1).max()) > 1.04 * float(soft.diff(dim=-1).max())
    assert float(crisp.max()) < float(soft.max()) + 1 / 255


def test_noise_does_not_come_back() -> None:
    large, smooth = torch.full((1, 3, 256, 256), 0.5), torch.full((1, 3, 64, 64), 0.5)
    noise = _SIGMA * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    told, untold = (_agreed(large, smooth + noise, torch.full((1, 1, 1, 1), each)).std() for each in (_SIGMA, 0.0))
    colours = _SIGMA / (2 * math.sqrt(math.pi) * 3)  # of white noise, after their Gaussian
    assert float(told) < 1.25 * colours
    assert float(untold) > 1.4 * colours


def test_a_steep_edge_beside_a_blurred_one_gets_no_stairs() -> None:
    edge = torch.full((1, 3, 128, 128), 0.2)
    edge[..., 64:] = 0.8
    shown = gaussian_smooth(_shrunk(edge), 1.0)
    missing = functional.interpolate(shown - _shrunk(edge), scale_factor=4, mode="bicubic")
    falls = [
        float(-each.diff(dim=-1).min()) for each in (_agreed(edge, shown, torch.zeros(1, 1, 1, 1)), edge + missing)
    ]
    assert falls[0] < 0.5 / 255
    assert falls[1] > 15 / 255  # where what is missing is laid upon it


@pytest.mark.parametrize("factor", [1.5, 0.7])
def test_contrasts_that_are_too_strong_or_too_weak_are_mended(factor: float) -> None:
    shown = 0.5 + 0.1 * functional.interpolate(torch.randn(1, 3, 8, 8), (32, 32), mode="bicubic")
    large = functional.interpolate(shown, scale_factor=4, mode="bicubic")
    before, after = (
        float((_shrunk(each) - shown).square().mean())
        for wrong in [0.5 + factor * (large - 0.5)]
        for each in (wrong, _agreed(wrong, shown, torch.zeros(1, 1, 1, 1)))
    )
    assert after < 0.5 * before


def test_eight_views_make_no_difference_between_left_and_right() -> None:
    torch.manual_seed(0)
    network = EDSR(4, width=4, blocks=1)
    upscaler = DamagedUpscaler(network, _Told(), Contract(scale=4), crispness=0.9)
    picture = torch.rand(1, 3, 24, 32)

    def differs(views: int) -> float:
        settings = [{"sigma": 0.0, "views": views}]
        one, other = (upscaler.restore(each, parameters=settings) for each in (picture, picture.flip(3)))
        return float((one - other.flip(3)).abs().max())

    assert differs(8) < 1e-5
    assert differs(1) > 1e-3


def test_a_grid_goes_and_an_edge_stays() -> None:
    grid = (2 / 255 * torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(1))).repeat(1, 1, 24, 24)
    grid -= grid.mean(dim=(2, 3), keepdim=True)
    picture = torch.full((1, 3, 96, 96), 0.3)
    picture[..., 48:] = 0.7
    clean = without_grid(picture + grid, 4)
    kept = clean[..., 24:-24, :]
    assert float((kept - picture[..., 24:-24, :]).abs()[..., 8:36].max()) < 0.5 / 255
    assert float((kept.diff(dim=-1)[..., 47]).min()) > 0.4 - 6 / 255
    beside = (kept - picture[..., 24:-24, :]).abs()[..., [*range(36, 46), *range(50, 60)]]
    assert float(beside.max()) < 1.2 / 255  # of a grid of 4.3


def test_edges_get_steeper_without_rims() -> None:
    edge = torch.sigmoid(torch.linspace(-48, 48, 48)).expand(1, 3, 48, -1) * 0.6 + 0.2
    crisp = crisper(edge, 0.7)
    assert float(crisp.diff(dim=3).max()) > 1.1 * float(edge.diff(dim=3).max())
    assert float(crisp.min()) >= float(edge.min())
    assert float(crisp.max()) <= float(edge.max())
    assert bool((crisp.diff(dim=3) >= -1e-6).all())


def test_brightest_pixels_around_are_those_of_pooling(rng: np.random.Generator) -> None:
    picture = torch.from_numpy(rng.random((2, 3, 11, 17), dtype=np.float32))
    assert torch.equal(_brightest(picture), functional.max_pool2d(picture, 5, stride=1))


def test_what_lies_beyond_the_overlap_changes_nothing(rng: np.random.Generator) -> None:
    """The overlap of the tiles is shorter than the networks could look, so the weights that ship have to agree."""
    info = next(each for each in load_manifest() if each.id == "edsr-web")
    weights = {file.role: weights_folder() / str(file.path) for file in info.files}
    upscaler = build(config=info.config, weights=weights, parameters={"scale": 4, "sharpness": 1.0})
    overlap_px, kept_px = upscaler.contract.overlap_px, 16
    picture = functional.interpolate(torch.from_numpy(rng.random((1, 3, 8, 32), dtype=np.float32)), (64, 256))
    noisy = (picture + 50 / 255 * torch.from_numpy(rng.standard_normal((1, 3, 64, 256), dtype=np.float32))).clamp(0, 1)
    left = 256 - kept_px - overlap_px
    with torch.no_grad():
        whole, tile = (upscaler.restore(each, parameters=[{"sigma": 50 / 255}]) for each in (noisy, noisy[..., left:]))
    torch.testing.assert_close(tile[..., -4 * kept_px :], whole[..., -4 * kept_px :], atol=1e-5, rtol=0)
