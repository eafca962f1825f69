"""K-FAC: natural-gradient steps for small convolutional networks trained on squared error.

The brightness of neighbouring pixels is nearly the same, so the weights of a convolution that looks at pixels depend on
each other a thousand times more strongly in some directions than in others. Adam follows the strong ones and comes to
the weak ones, which sharpness lives from, after millions of steps. K-FAC divides them out: it keeps, for each layer,
the covariance of its inputs and that of the answer's derivatives by its outputs, and multiplies the gradient by the
inverse of both. How far to go, and how much of the last step to repeat, comes from a quadratic model of the batch's
error along both, whose slopes are finite differences; how far that is trusted (the damping) from how well it foretold
the last errors. A step that doubles the error all the same is taken back.

Recipe srcnn-915-x2 reached 30.60 dB on its held-out photographs by 6,000 steps of Adam on 8 patches (10 minutes of a
core). By K-FAC on 32 it passes that after 70 steps (a minute and a half; see `weights/logs`).

Reference:
    Martens and Grosse, Optimizing Neural Networks with Kronecker-factored Approximate Curvature, 2015,
    arXiv:1503.05671; Grosse and Martens, A Kronecker-factored approximate Fisher matrix for convolution layers, 2016,
    arXiv:1602.01407.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.errors import InvalidRequest

_FIRST_DAMPING = 2e-7
_LEAST_DAMPING = 4e-9  # with less, the weights of SRCNN grow without end
_MEMORY = 0.95  # of the covariances
_STEPS_PER_LOOK = 3  # between two looks at the covariances
_STEPS_PER_INVERSE = 20
_EARLY_STEPS = (0, 1, 2, 5, 10)  # the first covariances change faster
_STEPS_PER_TEST = 5  # of the quadratic model
_DAMPING_FACTOR = 0.95**_STEPS_PER_TEST
_GOOD, _POOR = 0.75, 0.25  # shares of the foretold gain
_BROKEN = 2.0  # times the error before, and a step is taken back
_BROKEN_DAMPING = 10.0
_POSITIONS = 6000  # pixels of a layer's inputs that are looked at
_TINY = 1e-30
_PROBE = 0.02  # relative size of the step that derivatives of the answer are taken from


class KFAC(torch.optim.Optimizer):
    """Step all convolutions of a network together.

    Args:
        network: all that learns in it are plain convolutions.
        lr: share of the step that the quadratic model of the batch takes for the best one; below 1 where a batch has
            not many more pixels than the network has weights.

    Raises:
        InvalidRequest: something else learns in the network.
    """

    def __init__(self, network: nn.Module, lr: float) -> None:
        learning = {id(weight) for weight in network.parameters() if weight.requires_grad}
        self._layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d) and _is_plain(layer)]
        self._layers = [layer for layer in self._layers if id(layer.weight) in learning]
        self._weights = [weight for layer in self._layers for weight in layer.parameters()]
        if {id(weight) for weight in self._weights} != learning:
            raise InvalidRequest(
                'The optimizer "kfac" moves plain convolutions only, with their biases, and other weights learn here, '
                'or biases do not; use "muon" in the recipe.'
            )
        super().__init__(self._weights, {"lr": lr, "damping": _FIRST_DAMPING, "steps": 0})

    def step(self, errors: Callable[[], Tensor]) -> float:  # type: ignore[override]
        """Move the weights down the mean squared error and return what that was before.

        Args:
            errors: returns what the answer to one and the same batch is wrong by, with the weights as they are then.
        """
        group = self.param_groups[0]
        number, rate = group["steps"], group["lr"]
        with torch.enable_grad():
            if number % _STEPS_PER_LOOK == 0 or number in _EARLY_STEPS:
                wrong, gradient = self._look(errors, number)
            else:
                wrong = errors()
                gradient = torch.autograd.grad(wrong.square().mean(), self._weights)
        with torch.no_grad():
            wrong = wrong.detach()
            if number % _STEPS_PER_INVERSE == 0 or number in _EARLY_STEPS:
                self._invert(group["damping"])
            directions = [self._natural(gradient)]
            if number:
                directions.append([self.state[weight]["moved"] for weight in self._weights])
            curves = [self._derivative(errors, wrong, direction) for direction in directions]
            lengths, gain = best_lengths(gradient, directions, curves, damping=group["damping"])
            for weight, *parts in zip(self._weights, *directions, strict=True):
                moved = sum((rate * length * part for length, part in zip(lengths, parts, strict=True)), 0 * weight)
                self.state[weight]["moved"] = moved
                weight.add_(moved)
            before, after = float(wrong.square().mean()), float(errors().square().mean())
            foretold = gain * rate * (2 - rate)  # of a parabola whose lowest point lies at rate 1
            share = (before - after) / max(foretold, _TINY)
            if not after < _BROKEN * before:
                self._take_back()
                group["damping"] *= _BROKEN_DAMPING
                self._invert(group["damping"])
            elif number % _STEPS_PER_TEST == 0:
                if share > _GOOD:
                    group["damping"] = max(group["damping"] * _DAMPING_FACTOR, _LEAST_DAMPING)
                elif share < _POOR:
                    group["damping"] /= _DAMPING_FACTOR
        group["steps"] = number + 1
        return before

    def _take_back(self) -> None:
        """Undo the last step."""
        for weight in self._weights:
            moved = self.state[weight]["moved"]
            weight.sub_(moved)
            moved.zero_()

    def _look(self, errors: Callable[[], Tensor], number: int) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the errors and the gradient, and look at the covariances on the way."""
        given: dict[nn.Module, Tensor] = {}
        derivatives: dict[nn.Module, Tensor] = {}

        def keep(layer: nn.Module, inputs: tuple[Tensor, ...], answer: Tensor) -> None:
            given[layer] = inputs[0].detach()
            answer.register_hook(  # type: ignore[no-untyped-call]
                lambda derivative: derivatives.__setitem__(layer, derivative)
            )

        hooks = [layer.register_forward_hook(keep) for layer in self._layers]
        try:
            wrong = errors()
        finally:
            for hook in hooks:
                hook.remove()
        gradient = torch.autograd.grad(wrong.square().mean(), self._weights, retain_graph=True)
        random = torch.Generator().manual_seed(number)
        noise = torch.randn(wrong.shape, generator=random).to(wrong.device)  # what a normal error could be (Fisher)
        torch.autograd.grad((noise * wrong).sum(), self._weights)
        with torch.no_grad():
            memory = min(number / (number + 1), _MEMORY)
            for layer in self._layers:
                state = self.state[layer.weight]
                inputs = _inputs_of(layer, given[layer], random)
                outputs = derivatives[layer].transpose(0, 1).flatten(1)
                seen = {"inputs": inputs @ inputs.T / inputs.shape[1], "outputs": outputs @ outputs.T / wrong.numel()}
                for name, moment in seen.items():
                    state[name] = moment if name not in state else state[name].lerp(moment, 1 - memory)
        return wrong, gradient

    def _invert(self, damping: float) -> None:
        """Invert the covariances of every layer, each with its part of the damping (section 6.3 of the reference)."""
        for layer in self._layers:
            state = self.state[layer.weight]
            inputs, outputs = (state[name].cpu().double() for name in ("inputs", "outputs"))
            strengths = (max(float(moment.diagonal().mean()), _TINY) for moment in (inputs, outputs))
            balance = math.sqrt(next(strengths) / next(strengths))
            for name, moment, part in (("inputs", inputs, balance), ("outputs", outputs, 1 / balance)):
                damped = moment + part * math.sqrt(damping / 2) * torch.eye(len(moment))
                state[f"inverse_{name}"] = torch.linalg.inv(damped).float().to(layer.weight.device)

    def _natural(self, gradient: Sequence[Tensor]) -> list[Tensor]:
        """Return the direction down: the gradient, layer by layer, between the two inverses."""
        found: list[Tensor] = []
        parts = iter(gradient)
        for layer in self._layers:
            state = self.state[layer.weight]
            slope = next(parts).flatten(1)
            if layer.bias is not None:
                slope = torch.cat([slope, next(parts)[:, None]], dim=1)
            down = -state["inverse_outputs"] @ slope @ state["inverse_inputs"]
            found.append(down[:, : layer.weight[0].numel()].reshape(layer.weight.shape))
            if layer.bias is not None:
                found.append(down[:, -1])
        return found

    def _derivative(self, errors: Callable[[], Tensor], wrong: Tensor, direction: Sequence[Tensor]) -> Tensor:
        """Return how the errors change along a direction of the weights, by a finite difference."""
        length = math.sqrt(max(_dot(direction, direction), _TINY))
        probe = _PROBE * math.sqrt(_dot(self._weights, self._weights)) / length
        kept = [weight.clone() for weight in self._weights]
        for weight, part in zip(self._weights, direction, strict=True):
            weight.add_(part, alpha=probe)
        change = (errors() - wrong) / probe
        for weight, former in zip(self._weights, kept, strict=True):
            weight.copy_(former)
        return change


def best_lengths(
    gradient: Sequence[Tensor], directions: Sequence[Sequence[Tensor]], curves: Sequence[Tensor], *, damping: float
) -> tuple[list[float], float]:
    """Return how far to go along each direction for the least damped squared error, and by how much that falls.

    Args:
        gradient: of the mean squared error.
        directions: of the weights, each in the order of `gradient`.
        curves: how the errors change along each.
        damping: weight of the squared length of the step.
    """
    slopes = torch.tensor([_dot(gradient, direction) for direction in directions], dtype=torch.float64)
    curvature = torch.empty((len(curves), len(curves)), dtype=torch.float64)
    for row, (one, along) in enumerate(zip(curves, directions, strict=True)):
        for column, (other, across) in enumerate(zip(curves, directions, strict=True)):
            curvature[row, column] = 2 * (one * other).mean() + damping * _dot(along, across)
    lengths = -torch.linalg.pinv(curvature, hermitian=True) @ slopes
    return lengths.tolist(), -0.5 * float(lengths @ slopes)


def _is_plain(layer: nn.Conv2d) -> bool:
    return layer.groups == 1 and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)


def _inputs_of(layer: nn.Conv2d, given: Tensor, random: torch.Generator) -> Tensor:
    """Return what a layer multiplies its weights with at some places, (weights of an output, places)."""
    few = given[torch.randperm(len(given), generator=random)[: max(1, _POSITIONS // given[0, 0].numel() + 1)]]
    assert not isinstance(layer.padding, str), "not plain"
    windows = functional.unfold(few, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
    columns = windows.transpose(0, 1).flatten(1)
    columns = columns[:, torch.randperm(columns.shape[1], generator=random)[:_POSITIONS]]
    return columns if layer.bias is None else torch.cat([columns, torch.ones_like(columns[:1])])


def _dot(some: Sequence[Tensor], others: Sequence[Tensor]) -> float:
    return sum(float((one * other).sum()) for one, other in zip(some, others, strict=True))
