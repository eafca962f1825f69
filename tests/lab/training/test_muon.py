"""Muon: orthogonal steps of the size of Adam's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from restoration.lab.training.muon import Muon, orthogonalized


@pytest.mark.parametrize("shape", [(8, 72), (72, 8), (16, 16), (1, 50)])
def test_singular_vectors_stay_and_values_come_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    turned = left.T @ orthogonalized(matrix) @ right.T
    kept = values > 0.05 * values.max()
    assert torch.allclose(turned, torch.diag(turned.diag()), atol=1e-9)
    assert turned.diag()[kept].min() > 0.65
    assert turned.diag().max() < 1.25


def test_a_gradient_of_zero_moves_nothing() -> None:
    assert torch.equal(orthogonalized(torch.zeros(3, 5)), torch.zeros(3, 5))


def test_first_step_is_independent_of_the_scale_of_the_gradient() -> None:
    gradient = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(2))
    moved = []
    for factor in (1e-3, 1e3):
        weight = nn.Parameter(torch.zeros(4, 3, 3, 3))
        weight.grad = factor * gradient
        Muon([weight], lr=0.1).step()
        moved.append(weight.detach())
    torch.testing.assert_close(moved[0], moved[1])
    assert 0.5 * 0.02 < float(moved[0].square().mean().sqrt()) < 1.5 * 0.02  # 0.2 of the rate


def test_biases_move_as_under_adam() -> None:
    own, theirs = (nn.Parameter(torch.tensor([1.0, -2.0, 3.0])) for _ in range(2))
    optimizers = (Muon([own], lr=0.01), torch.optim.Adam([theirs], lr=0.01))
    for number in range(5):
        for parameter, optimizer in zip((own, theirs), optimizers, strict=True):
            parameter.grad = parameter.detach() * (number - 1.5)
            optimizer.step()
    torch.testing.assert_close(own, theirs)


def test_an_ill_conditioned_problem_is_solved_sooner_than_by_adam() -> None:
    """Least squares whose inputs differ a hundredfold in strength along directions that no single weight follows."""
    random = torch.Generator().manual_seed(3)
    basis, _ = torch.linalg.qr(torch.randn(24, 24, generator=random))
    inputs = torch.randn(512, 24, generator=random) * torch.logspace(0, -2, 24) @ basis
    wanted = inputs @ torch.randn(24, 8, generator=random)

    def error_after(steps: int, kind: type[torch.optim.Optimizer], rate: float) -> float:
        weight = nn.Parameter(torch.zeros(24, 8))
        optimizer = kind([weight], lr=rate)  # type: ignore[call-arg]
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
            optimizer.zero_grad()
            loss = (inputs @ weight - wanted).square().mean()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return float(loss.detach())

    best_of_adam = min(error_after(100, torch.optim.Adam, rate) for rate in (0.01, 0.03, 0.1, 0.3))
    assert min(error_after(100, Muon, rate) for rate in (0.1, 0.3, 1.0)) < best_of_adam / 2
