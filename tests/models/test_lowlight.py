"""The built-in low-light model, with random weights: what its design alone guarantees."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from restoration.algorithms.tone_curves import brightness
from restoration.catalogue.manifest import load_manifest
from restoration.engine.local.job import Answer, Job
from restoration.engine.local.scheduler import Scheduler
from restoration.models import lowlight
from restoration.models.lowlight import (
    LARGE_PX,
    SURVEY_PX,
    LiftedNoiseNetwork,
    LightNetwork,
    LowLightRestorer,
    fine_noise,
)
from restoration.models.shared.contract import Contract
from restoration.models.shared.global_pass import TileContext
from restoration.networks.unet import ResUNet

CPU = torch.device("cpu")
PARAMETERS = {"exposure": 0.45, "sigma": 0.02, "denoise": 1.0, "strength": 1.0}


@pytest.fixture
def restorer() -> LowLightRestorer:
    torch.manual_seed(0)
    light, noise = LightNetwork((4, 8), blocks=1), LiftedNoiseNetwork((4, 8), blocks=1)
    for last in (light.colours, light.gain):  # they start at zero
        torch.nn.init.normal_(last.weight, std=0.5)
    denoiser = ResUNet((4, 8), blocks=1)
    overlap_px = noise.receptive_radius_px + denoiser.receptive_radius_px
    contract = Contract(global_pass_px=SURVEY_PX, size_multiple=8, size_minimum=8, overlap_px=overlap_px)
    return LowLightRestorer(light, noise, denoiser, contract)


def _dark(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(0, 9, width), np.linspace(0, 7, height))
    waves = np.stack([np.sin(x), np.cos(y), np.sin(x + y)], axis=2) * 0.05 + 0.08
    return (waves + 0.01 * rng.standard_normal(waves.shape)).clip(0, 1).astype(np.float32)


def _restored(restorer: LowLightRestorer, pixels: np.ndarray, tile_px: int | None = None, **given: float) -> Answer:
    job = Job(restorer, pixels, {**PARAMETERS, **given}, tile_px=tile_px)
    answer = list(Scheduler(CPU).run(job))[-1]
    assert isinstance(answer, Answer)
    return answer


@pytest.mark.parametrize("large_px", [LARGE_PX, 0])
def test_tiles_give_the_whole_picture(
    large_px: int, restorer: LowLightRestorer, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lowlight, "LARGE_PX", large_px)
    pixels = _dark(rng, 200, 330)
    whole, tiled = _restored(restorer, pixels), _restored(restorer, pixels, tile_px=96)
    assert tiled.stats.tiles > 4
    assert np.mean((whole.pixels - tiled.pixels) ** 2) < 1e-6


@pytest.mark.parametrize("exposure", [0.2, 0.35, 0.5])
def test_answer_has_the_brightness_that_was_asked_for(
    exposure: float, restorer: LowLightRestorer, rng: np.random.Generator
) -> None:
    answer = _restored(restorer, _dark(rng, 120, 90), exposure=exposure, denoise=0.0)
    image = torch.from_numpy(answer.pixels).permute(2, 0, 1)[None]
    assert float(brightness(image)) == pytest.approx(exposure, abs=0.01)


def test_picture_that_is_bright_enough_stays_as_it_is(restorer: LowLightRestorer, rng: np.random.Generator) -> None:
    pixels = rng.random((40, 60, 3), dtype=np.float32)
    own = float(brightness(torch.from_numpy(pixels).permute(2, 0, 1)[None]))
    np.testing.assert_allclose(_restored(restorer, pixels, exposure=own).pixels, pixels, atol=1e-6)


def test_white_stays_white_and_black_black(restorer: LowLightRestorer, rng: np.random.Generator) -> None:
    pixels = _dark(rng, 64, 64)
    pixels[:8], pixels[-8:] = 0, 1
    restored = _restored(restorer, pixels, denoise=0.0).pixels
    assert restored[:8].max() == 0
    assert restored[-8:].min() == pytest.approx(1, abs=1e-6)


def test_noise_is_left_where_none_is_to_be_removed(restorer: LowLightRestorer, rng: np.random.Generator) -> None:
    pixels = _dark(rng, 32, 48)
    none, all_of_it, unknown = (
        _restored(restorer, pixels, denoise=denoise, sigma=sigma).pixels
        for denoise, sigma in ((0.0, 0.02), (1.0, 0.02), (1.0, 0.0))
    )
    np.testing.assert_array_equal(none, unknown)
    assert np.abs(none - all_of_it).max() > 1e-3


def test_large_and_small_pictures_in_one_batch_are_treated_as_if_alone(
    restorer: LowLightRestorer, rng: np.random.Generator
) -> None:
    image = torch.from_numpy(np.stack([_dark(rng, 32, 32)] * 2)).permute(0, 3, 1, 2)
    finding = restorer.global_pass(image[:1], parameters=PARAMETERS)
    small, large = TileContext(finding, 0, 0, 32, 32), TileContext(finding, 0, 0, 4000, 4000)
    both = restorer.restore_tiles(image, parameters=[PARAMETERS] * 2, contexts=[small, large])
    for index, part in enumerate((small, large)):
        alone = restorer.restore_tiles(image[:1], parameters=[PARAMETERS], contexts=[part])
        torch.testing.assert_close(both[index : index + 1], alone, atol=1e-5, rtol=1e-4)


def test_large_pictures_are_those_that_the_forecast_takes_for_large() -> None:
    assert next(info for info in load_manifest() if info.id == "lowlight").large_px == LARGE_PX


def test_fine_noise_goes_and_strong_detail_stays() -> None:
    noise = 0.02 * torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    level = torch.full((1, 1, 128, 128), 0.02)
    left = noise - fine_noise(noise, level)
    assert float(left.square().mean()) < 0.1 * float(noise.square().mean())
    lines = torch.zeros(1, 3, 128, 128)
    lines[..., ::8] = 0.5
    lines = lines - lines.mean()
    torch.testing.assert_close(lines - fine_noise(lines, level), lines, atol=0, rtol=0.1)


def test_no_level_means_no_fine_noise(rng: np.random.Generator) -> None:
    fine = torch.from_numpy(rng.standard_normal((1, 3, 16, 16)).astype(np.float32))
    assert float(fine_noise(fine, torch.zeros(1, 1, 16, 16)).abs().max()) == 0


def test_users_in_one_batch_get_their_own_brightness(restorer: LowLightRestorer, rng: np.random.Generator) -> None:
    image = torch.from_numpy(np.stack([_dark(rng, 32, 32)] * 2)).permute(0, 3, 1, 2)
    both = restorer.restore(image, parameters=[{**PARAMETERS, "exposure": 0.3}, {**PARAMETERS, "exposure": 0.6}])
    alone = restorer.restore(image[1:], parameters=[{**PARAMETERS, "exposure": 0.6}])
    torch.testing.assert_close(both[1:], alone, atol=1e-5, rtol=1e-4)


def test_low_precision_touches_only_the_noise(restorer: LowLightRestorer, rng: np.random.Generator) -> None:
    pixels = _dark(rng, 32, 32)
    exact = _restored(restorer, pixels, denoise=0.0).pixels
    restorer.to(device=CPU, dtype=torch.bfloat16)
    np.testing.assert_array_equal(_restored(restorer, pixels, denoise=0.0).pixels, exact)


def test_untrained_networks_of_full_size_fit_the_limit_of_four_megabytes() -> None:
    networks = (LightNetwork(), LiftedNoiseNetwork())
    assert sum(tensor.numel() for network in networks for tensor in network.state_dict().values()) * 2 <= 4_000_000
