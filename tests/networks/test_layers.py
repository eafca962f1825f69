"""Convolutions that are trained wide and shipped plain."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from restoration.networks.layers import CollapsibleConv, ResidualBlock, fuse


@pytest.mark.parametrize(("incoming", "outgoing"), [(4, 4), (3, 8), (8, 3)])
def test_fused_convolution_equals_the_chain_it_stands_for(incoming: int, outgoing: int) -> None:
    torch.manual_seed(0)
    layer = CollapsibleConv(incoming, outgoing, bias=True, expansion=3)
    x = torch.randn(2, incoming, 9, 11)
    with torch.no_grad():
        chain = layer.narrow(layer.wide(x)) + (x if incoming == outgoing else 0)
        torch.testing.assert_close(layer(x), chain, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(layer.fused()(x), chain, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("incoming", "outgoing"), [(4, 4), (3, 8), (8, 3)])
def test_collapsible_convolution_becomes_the_plain_one_it_is_given(incoming: int, outgoing: int) -> None:
    torch.manual_seed(0)
    layer = CollapsibleConv(incoming, outgoing, bias=True, expansion=2)
    plain = nn.Conv2d(incoming, outgoing, 3, padding=1)
    layer.become(plain.weight, plain.bias)
    x = torch.randn(2, incoming, 9, 11)
    with torch.no_grad():
        torch.testing.assert_close(layer(x), plain(x), atol=1e-5, rtol=1e-5)


def test_fusing_leaves_no_collapsible_convolution_and_the_same_answers() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(ResidualBlock(4, bias=False, expansion=2), nn.Conv2d(4, 4, 3, padding=1))
    x = torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        expected = network(x)
        torch.testing.assert_close(fuse(network)(x), expected, atol=1e-5, rtol=1e-5)
    assert not any(isinstance(module, CollapsibleConv) for module in network.modules())


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
