"""SRCNN, IRCNN, MWCNN, the autoencoder and the dark-photo network: what their papers and cards say of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from restoration.metrics import to_y
from restoration.models import autoencoder, dark_photo, mwcnn, rrdbnet, srcnn
from restoration.models.plug_and_play import build_fill
from restoration.networks.ircnn import IRCNN, IRCNNBank
from restoration.networks.layers import upsample_bicubic

LEVEL = torch.full((1, 1, 1, 1), 0.1)


def _saved(network: nn.Module, file: Path) -> Path:
    save_file(network.state_dict(), file)
    return file


def test_bicubic_enlarging_is_that_of_the_papers() -> None:
    plane = np.random.default_rng(0).random((13, 17), dtype=np.float32)
    expected = Image.fromarray(plane).resize((51, 39), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(upsample_bicubic(torch.from_numpy(plane)[None, None], 3)[0, 0], expected, atol=1e-5)


def test_luma_is_that_of_the_metrics() -> None:
    image = torch.rand(1, 3, 5, 7)
    expected = to_y(image[0].permute(1, 2, 0).numpy())
    np.testing.assert_allclose(srcnn.luma(image)[0, 0].numpy(), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("variant", "parameters"), [("9-1-5", 8129), ("9-5-5", 57281), ("9-3-5", 128 * 82 + 64 * (128 * 9 + 1) + 1601)]
)
def test_srcnn_has_the_weights_of_the_paper(variant: str, parameters: int) -> None:
    network = srcnn.SRCNN(**srcnn.VARIANTS[variant])
    assert sum(tensor.numel() for tensor in network.parameters()) == parameters


def test_srcnn_changes_brightness_and_no_colour(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = srcnn.SRCNN()
    nn.init.normal_(network.reconstruct.weight, std=0.05)
    weights = {"9-5-5-x2": _saved(network, tmp_path / "net.safetensors")}
    restorer = srcnn.build(config={}, weights=weights, parameters={"scale": 2, "variant": "9-5-5"})
    image = torch.rand(1, 3, 12, 16)
    change = restorer.restore(image, parameters=[{}]) - upsample_bicubic(image, 2)
    detail = network(srcnn.luma(upsample_bicubic(image, 2)))
    torch.testing.assert_close(change, change[:, :1].expand_as(change))
    torch.testing.assert_close(srcnn.luma(change) - 16 / 255, detail.detach(), atol=1e-5, rtol=0)


def test_wavelet_transform_is_orthonormal_and_its_inverse_exact() -> None:
    image = torch.rand(2, 3, 12, 20, dtype=torch.float64)
    bands = mwcnn.dwt(image)
    assert bands.shape == (2, 12, 6, 10)
    torch.testing.assert_close(mwcnn.iwt(bands), image)
    torch.testing.assert_close(bands.square().sum(), image.square().sum())


def test_wavelet_bands_of_a_flat_picture_are_its_mean_alone() -> None:
    bands = mwcnn.dwt(torch.full((1, 1, 4, 4), 0.3))
    torch.testing.assert_close(bands[:, 0], torch.full((1, 2, 2), 0.6))
    assert not bands[:, 1:].any()


@pytest.mark.parametrize(
    "network", [IRCNN(width=4), mwcnn.MWCNN(widths=(4, 8), blocks=1)], ids=lambda network: type(network).__name__
)
def test_output_depends_on_nothing_beyond_the_receptive_field(network: IRCNN | mwcnn.MWCNN) -> None:
    image = torch.rand(1, 3, 64, 160)
    other = image.clone()
    other[..., 64 + network.receptive_radius_px :] = 0
    with torch.no_grad():
        first, second = network(image, LEVEL), network(other, LEVEL)
    assert torch.equal(first[..., :64], second[..., :64])
    assert not torch.equal(first, second)


def test_ircnn_sees_33_pixels() -> None:
    assert IRCNN().receptive_radius_px == 16


def test_each_picture_meets_the_network_for_its_level() -> None:
    bank = IRCNNBank(highest_255=(10, 30), width=4)
    images = torch.rand(4, 3, 16, 24)
    levels = torch.tensor([31, 9, 5, 29.0]).reshape(4, 1, 1, 1) / 255
    expected = [bank[place](images[[number]], levels[[number]]) for number, place in enumerate((2, 0, 0, 1))]
    torch.testing.assert_close(bank(images, levels), torch.cat(expected))


@pytest.mark.parametrize("level_shape", [(1, 1, 1, 1), (1, 1, 16, 24)])
def test_a_map_of_one_level_says_what_the_level_says(level_shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 3, 16, 24)
    for network in (IRCNN(width=4), mwcnn.MWCNN(widths=(4, 8), blocks=1)):
        torch.testing.assert_close(network(image, torch.full(level_shape, 0.1)), network(image, LEVEL))


def test_mwcnn_that_finds_nothing_enlarges_by_bicubic_interpolation(tmp_path: Path) -> None:
    network = mwcnn.MWCNN(widths=(4, 8), blocks=1)
    nn.init.zeros_(network.decoders[0][-1].weight)
    file = _saved(network, tmp_path / "net.safetensors")
    restorer = mwcnn.build_upscaler(
        config={"widths": (4, 8), "blocks": 1}, weights={"x4": file}, parameters={"scale": 4}
    )
    image = torch.rand(1, 3, 6, 10)
    torch.testing.assert_close(restorer.restore(image, parameters=[{}]), upsample_bicubic(image, 4))


def test_ircnn_can_be_the_prior_of_plug_and_play(tmp_path: Path) -> None:
    file = _saved(IRCNNBank(), tmp_path / "net.safetensors")
    remover = build_fill(config={"widths": (4, 8)}, weights={"net": file}, parameters={"prior": "IRCNN"})
    assert isinstance(remover.network, IRCNNBank)


def test_summary_of_the_plain_autoencoder_is_a_32nd_of_the_side() -> None:
    network = autoencoder.Autoencoder(widths=(4, 4, 4, 4))
    summary = network.encoders[:]
    x = torch.rand(1, 3, 128, 128)
    for encoder in summary:
        x = encoder(x)
    assert nn.functional.max_pool2d(x, 2).shape[2:] == (4, 4)
    assert network(torch.rand(1, 3, 128, 160)).shape == (1, 3, 128, 160)


def test_mended_autoencoder_begins_with_the_picture_itself(tmp_path: Path) -> None:
    widths = (4, 4, 4, 4)
    file = _saved(autoencoder.SkipAutoencoder(widths), tmp_path / "net.safetensors")
    restorer = autoencoder.build(config={"widths": widths}, weights={"mended": file}, parameters={"form": "mended"})
    image = torch.rand(1, 3, 32, 64)
    assert torch.equal(restorer.restore(image, parameters=[{}]), image)


def test_dark_photo_network_has_16_convolutions() -> None:
    layers = [layer for layer in dark_photo.DarkPhotoCNN().modules() if isinstance(layer, nn.Conv2d)]
    assert len(layers) == 16


def test_whatever_is_added_no_highlight_clips() -> None:
    image = torch.tensor([0.0, 0.4, 254 / 255, 254.6 / 255, 1.0]).reshape(1, 1, 1, 5).expand(1, 3, 1, 5)
    bright, dark = dark_photo.bounded(image + 2, image), dark_photo.bounded(image - 2, image)
    assert bright[0, 0, 0].tolist() == pytest.approx([254 / 255, 254 / 255, 254 / 255, 254.6 / 255, 1.0])
    assert not dark.any()
    assert torch.equal(dark_photo.bounded(image, image), image)


@pytest.mark.parametrize(("level", "share"), [(0.3, 1.0), (0.45, 0.5), (0.55, 0.0), (0.9, 0.0)])
def test_light_is_added_to_dark_pictures_only(level: float, share: float) -> None:
    filled = torch.full((1, 3, 48, 32), level)
    lighter = dark_photo.sparing_bright(torch.full_like(filled, 0.2), filled)
    torch.testing.assert_close(lighter, torch.full_like(filled, 0.2 * share))
    darker = -0.2 * torch.ones_like(filled)
    assert torch.equal(dark_photo.sparing_bright(darker, filled), darker)


def test_bright_places_of_dark_pictures_get_no_light_but_lose_noise() -> None:
    filled = torch.full((1, 3, 160, 32), 0.2)
    filled[:, :, 112:] = 0.8
    noise = 0.1 * (-1.0) ** torch.arange(160).reshape(1, 1, 160, 1)
    added = dark_photo.sparing_bright(0.2 + noise.expand_as(filled), filled)
    torch.testing.assert_close(added[..., :48, :], (0.2 + noise[..., :48, :]).expand(1, 3, 48, 32))
    torch.testing.assert_close(added[..., 144:, :], noise[..., 144:, :].expand(1, 3, 16, 32))


def test_untrained_dark_photo_network_fills_dots() -> None:
    image = torch.rand(1, 3, 32, 32) * 0.4 + 0.3
    image[..., 4::7, 5::6] = 1.0
    filled, dots = dark_photo.without_dots(image)
    assert torch.equal(dots[0, 0] > 0, image[0, 0] == 1)
    assert float((filled - image)[image < 1].abs().max()) < 1e-6
    assert float(filled.max()) < 0.8


def test_every_layer_of_an_untrained_dark_photo_network_learns() -> None:
    torch.manual_seed(0)
    network = dark_photo.DarkPhotoCNN()
    image = torch.rand(2, 3, 64, 64)
    (network(image / 3) - image).abs().mean().backward()
    gradients = [float(layer.weight.grad.norm()) for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert min(gradients) > 1e-3 * max(gradients)


def test_dark_photo_restorer_does_what_the_network_does(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = dark_photo.DarkPhotoCNN(widths=(4, 4, 4, 4))
    file = _saved(network, tmp_path / "net.safetensors")
    restorer = dark_photo.build(config={"widths": (4, 4, 4, 4)}, weights={"net": file}, parameters={})
    image = torch.rand(1, 3, 32, 48)
    filled, _ = dark_photo.without_dots(image)
    expected = dark_photo.bounded(filled + dark_photo.sparing_bright(network(image) - filled, filled), filled).detach()
    torch.testing.assert_close(restorer.restore(image, parameters=[{}]), expected)


def test_untrained_eased_network_enlarges_bilinearly() -> None:
    torch.manual_seed(0)
    network = rrdbnet.EasedRRDBNet(num_in_ch=3, num_out_ch=3, scale=4, num_feat=8, num_block=2, num_grow_ch=4)
    coarse = nn.functional.interpolate(torch.rand(1, 3, 5, 5), size=(20, 20), mode="bicubic").clamp(0, 1)
    expected = nn.functional.interpolate(coarse, scale_factor=4, mode="bilinear")
    inner = (slice(None), slice(None), slice(8, -8), slice(8, -8))  # the convolutions see black beyond the border
    assert float((network(coarse) - expected)[inner].detach().abs().mean()) < 0.02
