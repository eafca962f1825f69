"""The built-in removers: what they tell their network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from restoration.algorithms.impulses import REACH_PX, fill_impulses, find_impulses
from restoration.degradations.noise import add_salt_and_pepper
from restoration.models.resunet import PhotoDenoiser
from restoration.models.shared.contract import Contract
from restoration.models.shared.residual import Denoiser, JpegRemover
from restoration.networks.unet import ResUNet


class _Spy(nn.Module):
    """Remember what the network was given, and find no damage."""

    def forward(self, damaged: Tensor, told: Tensor) -> Tensor:
        self.damaged, self.told = damaged, told
        return torch.zeros_like(damaged)


def test_denoiser_tells_each_picture_its_own_level() -> None:
    spy = _Spy()
    image = torch.rand(2, 3, 8, 8)
    restored = Denoiser(spy, Contract()).restore(image, parameters=[{"sigma": 0.1}, {"sigma": 0.2}])
    assert spy.told.flatten().tolist() == pytest.approx([0.1, 0.2])
    assert torch.equal(restored, image)


def test_speckle_is_told_in_proportion_to_the_brightness_of_each_place() -> None:
    spy = _Spy()
    image = torch.full((2, 3, 16, 24), 0.2)
    image[..., 12:] = 0.8
    told = [{"sigma": 0.1, "speckle": 0.5}, {"sigma": 0.1, "speckle": 0.0}]
    Denoiser(spy, Contract()).restore(image, parameters=told)
    assert spy.told.shape == (2, 1, 16, 24)
    torch.testing.assert_close(spy.told[0, 0, :, :4], torch.full((16, 4), 0.1))
    torch.testing.assert_close(spy.told[0, 0, :, -4:], torch.full((16, 4), 0.4))
    torch.testing.assert_close(spy.told[1], torch.full((1, 16, 24), 0.1))


def test_level_of_speckle_turns_with_the_view() -> None:
    network = ResUNet(widths=(4, 8), blocks=1)
    image = torch.rand(1, 3, 16, 16)
    whole, turned = (
        Denoiser(network, Contract()).restore(each, parameters=[{"sigma": 0.1, "speckle": 0.5, "views": 8}])
        for each in (image, image.rot90(1, (2, 3)))
    )
    torch.testing.assert_close(whole.rot90(1, (2, 3)), turned, atol=1e-4, rtol=0)


def test_strength_above_one_tells_more_and_below_one_the_same() -> None:
    spy = _Spy()
    remover = Denoiser(spy, Contract())
    told = []
    for strength in (0.5, 1.0, 1.5):
        remover.restore(torch.rand(1, 3, 8, 8), parameters=[{"sigma": 0.1, "strength": strength}])
        told.append(float(spy.told))
    assert told == pytest.approx([0.1, 0.1, 0.15])


@pytest.mark.parametrize(("quality", "strength", "level"), [(100, 1, 0), (40, 1, 0.6), (40, 1.5, 0.9), (10, 1.5, 1)])
def test_jpeg_level_rises_with_the_loss_and_ends_at_one(quality: int, strength: float, level: float) -> None:
    spy = _Spy()
    JpegRemover(spy, Contract()).restore(
        torch.rand(1, 3, 8, 8), parameters=[{"quality": quality, "strength": strength}]
    )
    assert float(spy.told) == pytest.approx(level)


def test_impulses_are_found_where_they_were_put(rng: np.random.Generator) -> None:
    clean = (0.2 + 0.6 * rng.random((40, 40, 3))).astype(np.float32)
    noisy = add_salt_and_pepper(clean, rng=rng, ratio=0.3)
    found = find_impulses(torch.from_numpy(noisy.transpose(2, 0, 1))[None])[0].numpy().transpose(1, 2, 0)
    np.testing.assert_array_equal(found > 0, noisy != clean)


def test_saturated_areas_are_no_impulses() -> None:
    image = torch.full((1, 3, 30, 30), 0.5)
    image[..., 10:20, 10:20] = 1
    assert not find_impulses(image)[..., 12:18, 12:18].any()


def test_filling_keeps_sound_samples_and_restores_a_flat_picture(rng: np.random.Generator) -> None:
    flat = np.full((50, 50, 3), 0.4, np.float32)
    noisy = torch.from_numpy(add_salt_and_pepper(flat, rng=rng, ratio=0.6).transpose(2, 0, 1))[None]
    filled = fill_impulses(noisy, (noisy != np.float32(0.4)).float())
    torch.testing.assert_close(filled, torch.full_like(filled, 0.4), atol=1e-5, rtol=0)


def test_filled_sample_depends_on_nothing_beyond_the_reach() -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 1, 60, 60).round()
    other = image.clone()
    other[..., :, 30 + REACH_PX + 1 :] = 0.5
    first, second = (fill_impulses(each, find_impulses(each)) for each in (image, other))
    assert torch.equal(first[..., :31], second[..., :31])


@pytest.mark.parametrize("blocks", [1, (2, 1), (1, 2)])
def test_output_depends_on_nothing_beyond_the_receptive_field(blocks: int | tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = ResUNet(widths=(4, 8), blocks=blocks)
    image = torch.rand(1, 3, 64, 64)
    other = image.clone()
    other[..., 32 + network.receptive_radius_px + network.size_multiple :] = 0
    told = torch.full((1, 1, 1, 1), 0.1)
    with torch.no_grad():
        first, second = network(image, told), network(other, told)
    assert torch.equal(first[..., :32], second[..., :32])


def test_every_level_has_its_number_of_blocks() -> None:
    network = ResUNet(widths=(4, 8, 16), blocks=(3, 1, 2))
    assert [len(part) for part in (*network.encoders, network.body, *network.decoders)] == [3, 1, 2, 3, 1]
    with pytest.raises(ValueError, match="3 levels, but 2 numbers of blocks"):
        ResUNet(widths=(4, 8, 16), blocks=(1, 2))


def test_network_scales_with_its_input() -> None:
    torch.manual_seed(0)
    network = ResUNet(widths=(4, 8), blocks=1)
    image, told = torch.rand(1, 3, 16, 16), torch.full((1, 1, 1, 1), 0.1)
    with torch.no_grad():
        torch.testing.assert_close(network(3 * image, 3 * told), 3 * network(image, told))


class _Corner(nn.Module):
    """Find damage in the upper left corner of what it sees, whatever that is."""

    def forward(self, damaged: Tensor, told: Tensor) -> Tensor:
        damage = torch.zeros_like(damaged)
        damage[..., 0, 0] = 1
        return damage


@pytest.mark.parametrize(("views", "corners"), [(1, 1), (2, 2), (4, 4), (8, 4)])
def test_views_are_turned_back_before_their_mean(views: int, corners: int) -> None:
    image = torch.zeros(1, 3, 8, 16)
    removed = -Denoiser(_Corner(), Contract()).restore(image, parameters=[{"sigma": 0.1, "views": views}])
    found = [float(removed[0, 0, row, column]) for row in (0, -1) for column in (0, -1)]
    assert sum(value > 0 for value in found) == corners
    assert float(removed.sum()) == pytest.approx(3)


def test_each_picture_of_a_batch_has_its_own_views() -> None:
    torch.manual_seed(0)
    remover = Denoiser(ResUNet(widths=(4, 8), blocks=1), Contract())
    image = torch.rand(2, 3, 16, 16)
    settings = [{"sigma": 0.1, "views": 1}, {"sigma": 0.2, "views": 4}]
    together = remover.restore(image, parameters=settings)
    alone = torch.cat([remover.restore(image[i : i + 1], parameters=settings[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(together, alone)


class _Itself(nn.Module):
    """Take the whole picture for damage."""

    def forward(self, damaged: Tensor, told: Tensor) -> Tensor:
        return damaged


def test_every_second_view_of_a_gray_picture_is_its_negative() -> None:
    image = torch.rand(2, 3, 8, 8)
    image[0] = image[0, :1]  # gray beside colour in one batch
    restored = PhotoDenoiser(_Itself(), Contract()).restore(image, parameters=[{"sigma": 0.1, "views": 2}] * 2)
    torch.testing.assert_close(restored[0], torch.full_like(restored[0], 0.5))
    torch.testing.assert_close(restored[1], torch.zeros_like(restored[1]))


def test_noise_of_gray_pictures_is_told_weaker() -> None:
    spy = _Spy()
    image = torch.rand(2, 3, 8, 8)
    image[0] = image[0, :1]
    PhotoDenoiser(spy, Contract()).restore(image, parameters=[{"sigma": 0.1}] * 2)
    gray, colour = spy.told.flatten().tolist()
    assert 0.09 < gray < colour == pytest.approx(0.1)


def _told(parameters: list[dict[str, float]]) -> list[float]:
    spy = _Spy()
    PhotoDenoiser(spy, Contract()).restore(torch.rand(len(parameters), 3, 8, 8), parameters=parameters)
    return [255 * level for level in spy.told.flatten().tolist()]


def test_given_and_white_noise_is_told_as_it_is() -> None:
    level = 6 / 255
    parameters = [{"sigma": level}, {"sigma": level, "coarse": 0.0}, {"sigma": level, "coarse": level}]
    assert _told(parameters) == pytest.approx([6.0] * 3)


def test_faint_coarse_noise_is_told_stronger_since_cameras_hide_it() -> None:
    faint, between, strong = ({"sigma": level / 255, "coarse": 1.5 * level / 255} for level in (6.0, 10.5, 15.0))
    assert _told([faint, between, strong]) == pytest.approx([1.2 * 6, 1.1 * 10.5, 15.0])
