"""The network that cleans and enlarges begins as its two parts, and no channel of it can die."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from restoration.errors import InvalidRequest
from restoration.models.cleaning_upscaler import CleaningUpscaler
from restoration.models.edsr import EDSR, upsample_skip
from restoration.models.layers import ResidualBlock
from restoration.models.unet import ResUNet
from restoration.training.config import Recipe
from restoration.training.network import build_network

WIDTHS = (4, 8)


def _filled(network: nn.Module, seed: int) -> nn.Module:
    """Give all weights random values, also those that begin at zero."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in network.parameters():
            weights.copy_(0.1 * torch.randn(weights.shape, generator=random))
    return network


def test_begins_as_a_cleaner_and_an_upscaler_one_after_the_other(tmp_path: Path) -> None:
    cleaner, upscaler = _filled(ResUNet(WIDTHS, 1), 1), _filled(EDSR(3, 6, 2), 2)
    save_file(cleaner.state_dict(), tmp_path / "c.safetensors")
    save_file(upscaler.state_dict(), tmp_path / "u.safetensors")
    recipe = Recipe(
        name="both",
        network="cleaning_upscaler:CleaningUpscaler",
        network_config={"scale": 3, "widths": WIDTHS, "cleaner_blocks": 1, "width": 6, "blocks": 2},
        degradation="bicubic",
        steps=1,
        scale=3,
        init_parts={"cleaner": str(tmp_path / "c.safetensors"), "upscaler": str(tmp_path / "u.safetensors")},
    )
    both = build_network(recipe)
    image = torch.rand(2, 3, 10, 12, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        clean = image - cleaner(image, both.level)
        expected = upsample_skip(clean, 3) + upscaler(clean)
        torch.testing.assert_close(upsample_skip(image, 3) + both(image), expected, atol=1e-5, rtol=0)


def test_part_that_the_network_lacks_is_told(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    recipe = Recipe(
        name="both",
        network="cleaning_upscaler:CleaningUpscaler",
        degradation="bicubic",
        steps=1,
        scale=4,
        init_parts={"denoiser": str(tmp_path / "a.safetensors")},
    )
    with pytest.raises(InvalidRequest, match=r"starts denoiser\. from a file, .* they are cleaner, level, upscaler"):
        build_network(recipe)


def test_learns_what_the_upscaler_makes_of_what_the_cleaner_saw() -> None:
    network = _filled(CleaningUpscaler(2, WIDTHS, 1, 6, 1), 4)
    network(torch.rand(1, 3, 8, 8)).square().sum().backward()
    assert network.upscaler.head.weight.grad[:, 3:].abs().sum() > 0
    assert all(weights.grad is not None for weights in network.parameters())


@pytest.mark.parametrize("bias", [False, True])
def test_channels_with_a_slope_wake_up_again(bias: bool) -> None:
    torch.manual_seed(0)
    block, plain = ResidualBlock(4, bias=bias, slopes=True), ResidualBlock(4, bias=bias)
    assert not plain.load_state_dict(block.state_dict(), strict=False).missing_keys
    x = torch.randn(1, 4, 9, 9)
    torch.testing.assert_close(block(x), plain(x))  # as long as the slopes are zero
    with torch.no_grad():
        block.first.weight[:] = -block.first.weight.abs()
    block(x.abs() + 0.5).square().sum().backward()  # every channel inside is negative but for its bias
    assert bool((block.slopes.grad != 0).all())
