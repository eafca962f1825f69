"""Restoration without training: a fresh network is fitted to the one picture, and explains the photograph first.

Every task is a regression: the network sees something, its answer is damaged in the way the picture was, and the
result is compared with the picture. Noise of a known strength, missing pixels and lost resolution differ in these
three only.

Reference:
    Ulyanov et al., Deep Image Prior, 2018, arXiv:1711.10925 (the idea, and noise as the input);
    Jo et al., Rethinking Deep Image Prior for Denoising, 2021, arXiv:2108.12841 (the noisy picture as the input);
    Pang et al., Recorrupted-to-Recorrupted: Unsupervised Deep Learning for Image Denoising, CVPR 2021 (its loss);
    Wang et al., Early Stopping for Deep Image Prior, 2021, arXiv:2112.06074 (the least moving variance);
    Cheng et al., A Bayesian Perspective on the Deep Image Prior, 2019, arXiv:1904.07457 (the mean of the iterates).
"""

from __future__ import annotations

import abc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from restoration.degradations.resize import downscale_matrix
from restoration.models.shared.contract import Contract, Restorer
from restoration.networks.hourglass import Hourglass
from restoration.types import Parameters

_CODE_CHANNELS = 16
_CODE_HEIGHT, _CODE_NOISE = 0.1, 1 / 30  # Ulyanov et al.: uniform on 0 to 0.1, with fresh noise against overfitting
_RECORRUPTION = 0.5
_MEMORY = 0.99
_WARM_UP = 20
_HIDDEN_SHARE, _MOST_MOVES = 0.15, 8
_UNIT_S = 0.1
"""Iterations are done together for at least so long: others wait no longer, and reporting costs nothing beside it."""
_WINDOW, _PATIENCE = 50, 250
_WATCHED = 4096


@dataclass(frozen=True)
class Sample:
    """What one iteration is about.

    Args:
        seen: (1, C, H, W), the network's input.
        target: what its damaged answer should be.
        weight: (1, 1, h, w), how much each pixel of the target counts; None for all alike.
    """

    seen: Tensor
    target: Tensor
    weight: Tensor | None = None


@dataclass(frozen=True)
class Problem:
    """What a network is fitted to.

    Args:
        draw: returns what the next iteration is about.
        in_channels: of what it sees.
        out_channels: 3, or 1 for a gray picture.
        damage: from the network's answer to what was observed.
        noise: standard deviation of the noise in what was observed: an answer that differs from it by no more than
            that explains all there is (the discrepancy principle); 0 where that is no reason to stop.
        is_overfitting: more iterations explain the damage too, so that the right moment to stop has to be found.
    """

    draw: Callable[[], Sample]
    in_channels: int
    out_channels: int
    damage: Callable[[Tensor], Tensor] = lambda answer: answer
    noise: float = 0.0
    is_overfitting: bool = False


class MovingVariance:
    """Find the iteration after which the answers begin to swing again: there the network starts to learn the damage.

    The variance is that of the last answers, at some places of the picture.

    Args:
        window: answers that the variance is taken over.
        patience: iterations without a smaller variance until the least is taken for final.

    Reference:
        Wang et al., Early Stopping for Deep Image Prior, 2021, arXiv:2112.06074.
    """

    def __init__(self, *, window: int = _WINDOW, patience: int = _PATIENCE) -> None:
        self._window, self._patience = window, patience
        self._seen: list[Tensor] = []
        self._count = self._best_at = 0
        self.least = float("inf")

    def add(self, samples: Tensor) -> bool:
        """Take in the next answer's samples, (n,); tell whether its variance is the least so far."""
        self._seen = [*self._seen[1 - self._window :], samples]
        self._count += 1
        if len(self._seen) < self._window:
            return True
        variance = float(torch.stack(self._seen).var(dim=0, correction=0).mean())
        if variance < self.least:
            self.least, self._best_at = variance, self._count
            return True
        return False

    @property
    def is_over(self) -> bool:
        """True once the least variance lies `patience` iterations back."""
        return self._count - max(self._best_at, self._window) >= self._patience


class Fit:
    """One network on its way to one picture.

    Args:
        learning_rate: of Adam, reached after a short warm-up.
        generator: where the first weights come from.
    """

    def __init__(
        self, problem: Problem, *, widths: Sequence[int], learning_rate: float, generator: torch.Generator
    ) -> None:
        self._problem = problem
        self._network = Hourglass(problem.in_channels, problem.out_channels, widths=widths, generator=generator)
        self._optimizer = torch.optim.Adam(self._network.parameters(), learning_rate, fused=True)
        self._warm_up = torch.optim.lr_scheduler.LambdaLR(self._optimizer, lambda step: min(1, (step + 1) / _WARM_UP))
        self._count = 0
        self._variance = MovingVariance() if problem.is_overfitting else None
        self._watched: Tensor | None = None
        self._mean: Tensor | None = None
        self._best: Tensor | None = None
        self._explains_all = False
        self.loss = float("inf")

    @property
    def answer(self) -> Tensor:
        """The mean of the latest answers, (1, C, H, W), at its best moment so far."""
        assert self._mean is not None
        return self._mean if self._best is None else self._best

    @property
    def is_over(self) -> bool:
        """True where more iterations would only spoil the answer."""
        return self._explains_all or (self._variance is not None and self._variance.is_over)

    def step(self) -> None:
        """Do one iteration."""
        sample = self._problem.draw()
        with torch.enable_grad():
            answer = self._network(sample.seen)
            loss = self._error(answer, sample)
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._warm_up.step()
        self.loss = float(loss.detach())
        self._take_in(answer.detach(), sample)

    def _error(self, answer: Tensor, sample: Sample) -> Tensor:
        """Return the mean squared difference to what was observed."""
        squares = (self._problem.damage(answer) - sample.target).square()
        if sample.weight is None:
            return squares.mean()
        return (squares * sample.weight).sum() / (sample.weight.sum() * squares.shape[1]).clamp(min=1)

    def _take_in(self, answer: Tensor, sample: Sample) -> None:
        self._count += 1
        share = max(1 - _MEMORY, 9 / (9 + self._count))  # the first answers are soon forgotten
        self._mean = answer.clone() if self._mean is None else self._mean.lerp_(answer, min(1.0, share))
        if self._variance is not None and self._variance.add(self._samples(answer)):
            self._best = self._mean.clone()
        if self._problem.noise:
            self._explains_all = float(self._error(self._mean, sample)) <= self._problem.noise**2

    def _samples(self, answer: Tensor) -> Tensor:
        flat = answer.flatten()
        if self._watched is None:
            count = min(_WATCHED, len(flat))
            self._watched = torch.linspace(0, len(flat) - 1, count, dtype=torch.float64).long().to(flat.device)
        return flat[self._watched]


class DeepImagePrior(Restorer):
    """Fit a network to the picture; subclasses say what of the picture counts.

    Args:
        widths: channels of each level of the network.
        learning_rate: of Adam.
    """

    def __init__(
        self, *, widths: Sequence[int], learning_rate: float, scale: int = 1, needs_mask: bool = False
    ) -> None:
        multiple = 2 ** len(widths)
        self.contract = Contract(
            scale=scale,
            size_multiple=multiple,
            size_minimum=2 * multiple,
            tiling="internal",
            is_iterative=True,
            needs_mask=needs_mask,
        )
        self._widths, self._learning_rate = widths, learning_rate

    @abc.abstractmethod
    def problem(
        self, image: Tensor, *, parameters: Parameters, mask: Tensor | None, generator: torch.Generator
    ) -> Problem:
        """Say what the network sees and what its answer is compared with.

        Args:
            image: (1, C, H, W), C being 1 for a gray picture.
        """

    def steps(
        self,
        image: Tensor,
        *,
        parameters: Parameters,
        mask: Tensor | None = None,
        kernel: Tensor | None = None,
    ) -> Iterator[tuple[float, Tensor]]:
        generator = torch.Generator(image.device).manual_seed(int(parameters["seed"]))
        is_gray = bool((image == image[:, :1]).all())
        observed = image[:, :1] if is_gray else image
        problem = self.problem(observed, parameters=parameters, mask=mask, generator=generator)
        fit = Fit(problem, widths=self._widths, learning_rate=self._learning_rate, generator=generator)
        iterations, limit_s = int(parameters["iterations"]), 60 * float(parameters["minutes"])
        count, spent_s, fraction = 0, 0.0, 0.0
        while fraction < 1:
            started_s, is_due = time.perf_counter(), False
            while not is_due:
                fit.step()
                count += 1
                elapsed_s = time.perf_counter() - started_s
                is_due = elapsed_s >= _UNIT_S or count >= iterations or fit.is_over
            spent_s += elapsed_s
            fraction = 1.0 if fit.is_over else min(1.0, max(count / iterations, spent_s / limit_s))
            answer = fit.answer.expand(-1, 3, -1, -1)
            yield fraction, answer if mask is None else torch.where(mask > 0, answer, image)

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        answers = []
        with torch.inference_mode(False):  # a fit needs gradients
            for index, each in enumerate(parameters):
                holes = None if mask is None else mask[index : index + 1].clone()
                *_, (_, answer) = self.steps(image[index : index + 1].clone(), parameters=each, mask=holes)
                answers.append(answer)
        return torch.cat(answers)


class Denoise(DeepImagePrior):
    """Noise of known strength: what is seen and what is compared are the picture with noise drawn anew.

    With z of the picture's own noise level, y + a z and y - z / a have independent noise: fitting one to the other
    learns the photograph and cannot learn the noise, so that no right moment to stop is needed. (Ending where the
    residual is as strong as the noise came too soon: at 27.0 dB on the way to 28.0.)
    """

    def problem(
        self, image: Tensor, *, parameters: Parameters, mask: Tensor | None, generator: torch.Generator
    ) -> Problem:
        sigma = float(parameters["sigma"])

        def draw() -> Sample:
            noise = sigma * torch.randn(image.shape, generator=generator, device=image.device)
            return Sample(image + _RECORRUPTION * noise, image - noise / _RECORRUPTION)

        channels = image.shape[1]
        return Problem(draw, in_channels=channels, out_channels=channels)


class Unblock(DeepImagePrior):
    """Damage of no known form, such as that of JPEG: the network explains the photograph before the damage."""

    def problem(
        self, image: Tensor, *, parameters: Parameters, mask: Tensor | None, generator: torch.Generator
    ) -> Problem:
        draw = _code(image, image.shape[2:], generator)
        return Problem(draw, in_channels=_CODE_CHANNELS, out_channels=image.shape[1], is_overfitting=True)


class Fill(DeepImagePrior):
    """Missing pixels: the holes, moved about, hide known pixels too, and the network learns to tell those."""

    def problem(
        self, image: Tensor, *, parameters: Parameters, mask: Tensor | None, generator: torch.Generator
    ) -> Problem:
        assert mask is not None
        holes = (mask > 0).float()
        known = 1 - holes
        level = (image * known).sum(dim=(2, 3), keepdim=True) / known.sum().clamp(min=1)

        def draw() -> Sample:
            moved = _moved(holes, generator)
            hidden = torch.maximum(holes, moved)
            seen = torch.cat([torch.where(hidden > 0, level, image), hidden], dim=1)
            return Sample(seen, image, weight=moved * known)

        channels = image.shape[1]
        return Problem(draw, in_channels=channels + 1, out_channels=channels)


class Enlarge(DeepImagePrior):
    """Lost resolution: the answer, shrunk, is compared with the picture."""

    def problem(
        self, image: Tensor, *, parameters: Parameters, mask: Tensor | None, generator: torch.Generator
    ) -> Problem:
        scale = self.contract.scale
        height, width = (scale * side for side in image.shape[2:])
        rows, columns = (
            torch.from_numpy(downscale_matrix(side, scale=scale)).to(image.device) for side in (height, width)
        )
        draw = _code(image, (height, width), generator)
        return Problem(
            draw,
            in_channels=_CODE_CHANNELS,
            out_channels=image.shape[1],
            damage=lambda answer: rows @ answer @ columns.T,
            noise=float(parameters["sigma"]),
        )


def _moved(holes: Tensor, generator: torch.Generator) -> Tensor:
    """Return the holes elsewhere, small ones several times, so that they cover a good part of the picture."""
    height, width = holes.shape[2:]
    times = int(min(_MOST_MOVES, max(1.0, _HIDDEN_SHARE / max(float(holes.mean()), 1e-6))))
    device = holes.device
    rows = torch.randint(height, (times,), generator=generator, device=device).tolist()
    columns = torch.randint(width, (times,), generator=generator, device=device).tolist()
    moved = [torch.roll(holes, shift, dims=(2, 3)) for shift in zip(rows, columns, strict=True)]
    return torch.stack(moved).amax(dim=0)


def _code(target: Tensor, size: Sequence[int], generator: torch.Generator) -> Callable[[], Sample]:
    """Return a source of a fixed random code with a little fresh noise, and of the target."""
    shape = (1, _CODE_CHANNELS, *size)
    code = _CODE_HEIGHT * torch.rand(shape, generator=generator, device=target.device)

    def draw() -> Sample:
        noise = torch.randn(shape, generator=generator, device=target.device)
        return Sample(code + _CODE_NOISE * noise, target)

    return draw


TINY = {"widths": [4, 8]}


def build_denoise(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> Denoise:
    """Build the removal of noise."""
    return Denoise(**config)  # type: ignore[arg-type]


def build_unblock(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> Unblock:
    """Build the removal of JPEG artefacts."""
    return Unblock(**config)  # type: ignore[arg-type]


def build_fill(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> Fill:
    """Build the filling of holes."""
    return Fill(**config, needs_mask=True)  # type: ignore[arg-type]


def build_enlarge(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> Enlarge:
    """Build the enlarging by the scale asked for."""
    return Enlarge(**config, scale=int(parameters["scale"]))  # type: ignore[arg-type]
