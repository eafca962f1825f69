"""Dead channels are counted, and begin anew."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from restoration.lab.training.dead_channels import revive, silent_share
from restoration.models.edsr import EDSR
from restoration.networks.ircnn import IRCNN
from restoration.networks.layers import ResidualBlock

PICTURE, LEVEL = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0)), torch.full((1, 1, 1, 1), 0.1)


def test_channels_that_nothing_wakes_are_counted() -> None:
    torch.manual_seed(0)
    network = IRCNN(width=8)
    alive = silent_share(lambda: network(PICTURE, LEVEL))
    with torch.no_grad():
        network.body[2].bias[:6] = -100
    assert silent_share(lambda: network(PICTURE, LEVEL)) == pytest.approx(alive + 6 / (6 * 8), abs=0.05)


def test_what_a_slope_lets_through_counts() -> None:
    torch.manual_seed(0)
    block = ResidualBlock(4, bias=True, slopes=True)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), block)
    with torch.no_grad():
        block.first.bias[:2] = -100
    silent = silent_share(lambda: network(PICTURE))
    with torch.no_grad():
        block.slopes[0] = 0.1
    assert silent_share(lambda: network(PICTURE)) == silent - 0.25


def test_network_without_rectifiers_has_no_silent_channels() -> None:
    assert silent_share(lambda: PICTURE * 2) == 0


def test_silent_channels_begin_anew_and_the_answer_stays() -> None:
    torch.manual_seed(0)
    network = IRCNN(width=8)
    with torch.no_grad():
        for place in (1, 2):
            network.body[place].bias[:6] = -100

    def run() -> torch.Tensor:
        with torch.no_grad():
            return network(PICTURE, LEVEL)

    before, others = run(), network.body[1].weight[6:].detach().clone()
    assert revive(network, run, seed=0) >= 12
    assert silent_share(run) == 0
    torch.testing.assert_close(run(), before)
    assert torch.equal(network.body[1].weight[6:], others)
    assert not network.body[3].weight[:, :6].any()


def test_a_living_network_stays_as_it_is() -> None:
    torch.manual_seed(0)
    network = EDSR(2, width=4, blocks=2)
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert revive(network, lambda: network(PICTURE), seed=0) == 0
    assert all(torch.equal(tensor, weights[name]) for name, tensor in network.state_dict().items())
