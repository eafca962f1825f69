"""Super-resolution of damaged pictures: strong noise goes first, and the answer has the colours of the input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.catalogue.manifest import load_manifest
from restoration.folders import weights_folder
from restoration.models.damaged_upscaler import DamagedUpscaler, build, with_colours_of
from restoration.models.shared.contract import Contract

INFO = next(each for each in load_manifest() if each.id == "compact-web")
WEIGHTS = {file.role: weights_folder() / str(file.path) for file in INFO.files}


class _Shifted(nn.Module):
    """Enlarge, and make everything darker and redder."""

    def forward(self, image: Tensor) -> Tensor:
        shift = torch.tensor([0.1, -0.2, -0.1]).reshape(1, 3, 1, 1)
        return functional.interpolate(image, scale_factor=4, mode="bilinear") + shift


class _Told(nn.Module):
    """Take the told level for the noise of every pixel, and count the pictures."""

    seen = 0

    def forward(self, image: Tensor, told: Tensor) -> Tensor:
        self.seen += len(image)
        return told.expand_as(image)


def _upscaler() -> DamagedUpscaler:
    return DamagedUpscaler(_Shifted(), _Told(), Contract(scale=4))  # type: ignore[arg-type]


def _shrunk(answer: Tensor) -> Tensor:
    return functional.interpolate(answer, scale_factor=0.25, mode="bicubic", antialias=True)


def test_colours_follow_the_input_whatever_the_network_does(rng: np.random.Generator) -> None:
    image = torch.from_numpy(rng.random((1, 3, 24, 24), dtype=np.float32))
    answer = _upscaler().restore(image, parameters=[{"sigma": 0.0}])
    mean_of_a_border_told_less = 4e-3
    torch.testing.assert_close(answer.mean(dim=(2, 3)), image.mean(dim=(2, 3)), atol=mean_of_a_border_told_less, rtol=0)


def test_colours_follow_the_input_in_places_and_detail_stays(rng: np.random.Generator) -> None:
    shown = torch.from_numpy(rng.random((1, 3, 3, 4), dtype=np.float32))
    shown = functional.interpolate(shown, scale_factor=64, mode="bicubic").clamp(0, 1)
    detail = 0.1 * torch.from_numpy(rng.standard_normal((1, 3, 768, 1024), dtype=np.float32))
    wrong = functional.interpolate(shown, scale_factor=4, mode="bicubic") * 0.8 + 0.1
    answer = with_colours_of(shown, wrong + detail)
    assert float((_shrunk(answer) - shown).abs().mean()) < 0.4 * float((_shrunk(wrong) - shown).abs().mean())
    torch.testing.assert_close(answer.diff(dim=3), (wrong + detail).diff(dim=3), atol=0.02, rtol=0)


def test_only_clean_pictures_get_detail_back(rng: np.random.Generator) -> None:
    image = torch.from_numpy(rng.random((1, 3, 24, 24), dtype=np.float32))
    told = [{"sigma": 1 / 255, "quality": 95}, {"sigma": 1 / 255, "quality": 85}, {"sigma": 1 / 255, "quality": 70}]
    answers = _upscaler().restore(image.expand(3, -1, -1, -1), parameters=told)
    errors = [float((_shrunk(answer[None]) - image).abs().mean()) for answer in answers]
    assert errors[0] < errors[1] < errors[2]
    noisy = _upscaler().restore(image, parameters=[{"sigma": 3 / 255, "quality": 95}])
    torch.testing.assert_close(noisy[0], answers[2])


def test_weak_noise_is_left_to_the_network_and_the_level_acts_without_a_step() -> None:
    upscaler = _upscaler()
    image = torch.full((1, 3, 24, 24), 0.5)
    upscaler.restore(image, parameters=[{"sigma": 4 / 255}])
    assert upscaler.denoiser.seen == 0
    levels = torch.linspace(3, 10, 71).reshape(-1, 1, 1, 1) / 255
    removed = [float((image - upscaler._cleaned(image, level[None])).mean()) for level in levels]
    steps = np.diff(removed)
    assert steps.min() >= -1e-6
    assert steps.max() < 0.2 / 255
    np.testing.assert_allclose(removed[-1], 5 / 255, rtol=1e-3)


def test_half_of_the_noise_goes_first_where_there_is_some() -> None:
    upscaler = _upscaler()
    image = torch.rand(2, 3, 24, 24)
    answer = upscaler.restore(image, parameters=[{"sigma": 0.0}, {"sigma": 0.1}])
    assert upscaler.denoiser.seen == 1
    alone = upscaler.restore(image[1:] - 0.05, parameters=[{"sigma": 0.0}])
    torch.testing.assert_close(answer[1:].mean(), alone.mean(), atol=2e-3, rtol=0)
    torch.testing.assert_close(answer[:1], upscaler.restore(image[:1], parameters=[{"sigma": 0.0}]))


def test_what_lies_beyond_the_overlap_changes_nothing(rng: np.random.Generator) -> None:
    """The overlap of the tiles is shorter than the networks could look, so the weights that ship have to agree."""
    upscaler = build(config=INFO.config, weights=WEIGHTS, parameters={"scale": 4, "sharpness": 1.0})
    overlap_px, kept_px = upscaler.contract.overlap_px, 16
    picture = functional.interpolate(torch.from_numpy(rng.random((1, 3, 8, 32), dtype=np.float32)), (64, 256))
    noisy = (picture + 50 / 255 * torch.from_numpy(rng.standard_normal((1, 3, 64, 256), dtype=np.float32))).clamp(0, 1)
    left = 256 - kept_px - overlap_px
    with torch.no_grad():
        whole, tile = (upscaler.restore(each, parameters=[{"sigma": 50 / 255}]) for each in (noisy, noisy[..., left:]))
    torch.testing.assert_close(tile[..., -4 * kept_px :], whole[..., -4 * kept_px :], atol=1e-5, rtol=0)


@pytest.mark.slow
def test_half_way_lies_between_the_faithful_and_the_sharp_weights_that_ship(rng: np.random.Generator) -> None:
    cells = torch.from_numpy(rng.random((1, 3, 6, 8), dtype=np.float32))
    picture = functional.interpolate(cells, scale_factor=4, mode="bicubic").clamp(0, 1)  # as smooth as pictures are

    def enlarged(sharpness: float) -> Tensor:
        upscaler = build(config=INFO.config, weights=WEIGHTS, parameters={"scale": 4, "sharpness": sharpness})
        with torch.no_grad():
            return upscaler.upscaler(picture)

    faithful, half, sharp = map(enlarged, (0.0, 0.5, 1.0))
    whole = float((sharp - faithful).abs().mean())
    assert whole > 1e-3
    assert float((half - (faithful + sharp) / 2).abs().mean()) < 0.3 * whole
