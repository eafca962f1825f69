"""K-FAC: natural steps that solve what is linear at once, and go no further than the batch's quadratic model says."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.errors import InvalidRequest
from restoration.lab.training.kfac import KFAC, best_lengths


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _as_pictures(rows: Tensor) -> Tensor:
    return rows.reshape(4, 20, 20, -1).permute(0, 3, 1, 2)


def test_linear_least_squares_are_solved_in_a_few_steps() -> None:
    """A 1x1 convolution whose inputs differ a hundredfold in strength, along directions no single weight follows."""
    basis, _ = torch.linalg.qr(_random(12, 12, seed=1))
    strength = torch.logspace(0, -2, 12)
    pixels = (_random(1600, 12, seed=2) * strength) @ basis
    wanted = pixels @ (basis.T / strength) @ _random(12, 3, seed=3) + _random(1600, 3, seed=4)
    network = nn.Conv2d(12, 3, 1)
    optimizer = KFAC(network, lr=1)
    for _ in range(5):
        optimizer.step(lambda: network(_as_pictures(pixels)) - _as_pictures(wanted))
    columns = torch.cat([pixels, torch.ones(1600, 1)], dim=1)
    best = columns @ torch.linalg.lstsq(columns, wanted).solution
    with torch.no_grad():
        found = network(_as_pictures(pixels)).permute(0, 2, 3, 1).reshape(-1, 3)
    assert float((found - best).square().mean()) < 1e-3 * float(best.square().mean())


def test_no_gain_is_left_along_the_directions_gone() -> None:
    weights = _random(6, seed=4)
    matrix, wanted = _random(40, 6, seed=5), _random(40, seed=6)
    wrong = matrix @ weights - wanted
    gradient = 2 * matrix.T @ wrong / 40
    directions = [[_random(6, seed=7)], [_random(6, seed=8)]]
    curves = [matrix @ direction for (direction,) in directions]
    lengths, gain = best_lengths([gradient], directions, curves, damping=0)
    moved = weights + sum(length * direction for length, (direction,) in zip(lengths, directions, strict=True))
    left = matrix @ moved - wanted
    for (direction,) in directions:
        assert float(direction @ matrix.T @ left) == pytest.approx(0, abs=1e-3)
    assert gain == pytest.approx(float(wrong.square().mean() - left.square().mean()), rel=1e-4)


def test_damping_shortens_the_step() -> None:
    gradient, direction, curve = torch.tensor([2.0]), torch.tensor([-1.0]), torch.tensor([1.0])
    lengths, _ = best_lengths([gradient], [[direction]], [curve], damping=0)
    damped, _ = best_lengths([gradient], [[direction]], [curve], damping=2)
    assert lengths == pytest.approx([1])
    assert damped == pytest.approx([0.5])


def test_a_nonlinear_network_falls_below_where_adam_is_after_as_many_steps() -> None:
    inputs = functional.interpolate(_random(8, 1, 6, 6, seed=9), (24, 24), mode="bicubic")
    wanted = inputs - functional.avg_pool2d(inputs, 3, stride=1, padding=1)

    def error_after(steps: int, *, is_natural: bool) -> float:
        torch.manual_seed(10)
        network = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
        optimizer = KFAC(network, lr=1) if is_natural else torch.optim.Adam(network.parameters(), lr=1e-2)
        for _ in range(steps):
            if isinstance(optimizer, KFAC):
                optimizer.step(lambda: network(inputs) - wanted)
                continue
            optimizer.zero_grad()
            (network(inputs) - wanted).square().mean().backward()
            optimizer.step()
        return float((network(inputs) - wanted).square().mean().detach())

    assert error_after(40, is_natural=True) < error_after(40, is_natural=False) / 2


def test_damping_falls_where_the_model_foretells_the_error() -> None:
    inputs, wanted = _random(2, 3, 16, 16, seed=11), _random(2, 2, 16, 16, seed=12)
    network = nn.Conv2d(3, 2, 3, padding=1)
    optimizer = KFAC(network, lr=1)
    first = optimizer.param_groups[0]["damping"]
    optimizer.step(lambda: network(inputs) - wanted)  # a linear network: the model is exact
    assert optimizer.param_groups[0]["damping"] < first


def test_a_step_that_doubles_the_error_is_taken_back() -> None:
    inputs = _random(2, 3, 16, 16, seed=13)
    network = nn.Conv2d(3, 2, 3, padding=1)
    before = [weight.detach().clone() for weight in network.parameters()]
    optimizer = KFAC(network, lr=1)
    first = optimizer.param_groups[0]["damping"]

    def errors() -> Tensor:
        """Foretell nothing: anywhere but where it began, the answer is far off."""
        is_moved = not all(torch.allclose(a, b, atol=0.5) for a, b in zip(network.parameters(), before, strict=True))
        return network(inputs) + (100.0 if is_moved else 5.0)

    optimizer.step(errors)
    for weight, former in zip(network.parameters(), before, strict=True):
        torch.testing.assert_close(weight.detach(), former, atol=1e-5, rtol=0)
    assert optimizer.param_groups[0]["damping"] > first


def _with_frozen_bias() -> nn.Module:
    network = nn.Conv2d(1, 4, 3)
    assert network.bias is not None
    network.bias.requires_grad_(False)
    return network


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)),
        nn.Conv2d(4, 4, 3, groups=2),
        nn.Conv2d(4, 4, 3, padding="same"),
        _with_frozen_bias(),
    ],
    ids=["normalisation", "groups", "padding", "frozen bias"],
)
def test_other_weights_than_those_of_plain_convolutions_are_refused(network: nn.Module) -> None:
    with pytest.raises(InvalidRequest, match=r'plain convolutions only.*use "muon"'):
        KFAC(network, lr=1)
