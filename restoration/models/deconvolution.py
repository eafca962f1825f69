"""Classical deconvolution with a known kernel: Wiener's filter and Richardson-Lucy, with unknown borders.

Reference:
    Wiener, Extrapolation, Interpolation, and Smoothing of Stationary Time Series, 1949;
    Richardson, Bayesian-Based Iterative Method of Image Restoration, 1972, doi:10.1364/JOSA.62.000055;
    Dey et al., Richardson-Lucy Algorithm with Total Variation Regularization, 2006, doi:10.1002/jemt.20294.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from restoration.algorithms.convolution import Canvas, kernel_of
from restoration.models.shared.contract import Contract, Restorer
from restoration.types import Parameters

_TINY = 1e-4
_LARGEST_KERNEL_PX = 65


class _Deconvolution(Restorer):
    """Solve on a canvas that knows nothing beyond the picture's border."""

    def __init__(self) -> None:
        self.contract = Contract(
            tiling="discouraged", overlap_px=_LARGEST_KERNEL_PX, is_iterative=True, activation_bytes_per_pixel=300.0
        )

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        pairs = zip(image, parameters, strict=True)
        return torch.cat([list(self.steps(picture[None], parameters=each))[-1][1] for picture, each in pairs])

    def steps(
        self,
        image: Tensor,
        *,
        parameters: Parameters,
        mask: Tensor | None = None,
        kernel: Tensor | None = None,
    ) -> Iterator[tuple[float, Tensor]]:
        blur = kernel_of(parameters, kernel)
        if blur.size == 1:
            yield 1.0, image
            return
        yield from self.solve(Canvas(image, blur), parameters)

    @abc.abstractmethod
    def solve(self, canvas: Canvas, parameters: Parameters) -> Iterator[tuple[float, Tensor]]:
        """Yield (fraction done, picture)."""


class Wiener(_Deconvolution):
    """Divide by the kernel's spectrum where it is stronger than the noise; each pixel depends on all others."""

    def solve(self, canvas: Canvas, parameters: Parameters) -> Iterator[tuple[float, Tensor]]:
        prior = torch.zeros_like(canvas.continued) + canvas.continued.mean(dim=(-2, -1), keepdim=True)
        yield 1.0, canvas.cut(canvas.blur.solve(canvas.continued, prior, weight=float(parameters["noise_power"])))


class RichardsonLucy(_Deconvolution):
    """Iterate `x <- x * blur^T(known * y / blur(x)) / blur^T(known)`, damped by total variation."""

    def solve(self, canvas: Canvas, parameters: Parameters) -> Iterator[tuple[float, Tensor]]:
        count, damping = int(parameters["iterations"]), float(parameters["damping"])
        estimate = canvas.continued.clamp(min=_TINY)
        reach = canvas.blur.blur_adjoint(canvas.known).clamp(min=0.01)
        for index in range(count):
            ratio = canvas.known * canvas.observed.clamp(min=_TINY) / canvas.blur.blur(estimate).clamp(min=_TINY)
            correction = canvas.blur.blur_adjoint(ratio) / reach
            damped = (1 - damping * _curvature(estimate)).clamp(min=0.5)
            estimate = (estimate * correction / damped).clamp(min=_TINY)
            yield (index + 1) / count, canvas.cut(estimate)


def _curvature(image: Tensor) -> Tensor:
    """Return the divergence of the normalised gradient, the derivative of total variation."""
    across = functional.pad(image.diff(dim=-1), (0, 1))
    down = functional.pad(image.diff(dim=-2), (0, 0, 0, 1))
    length = torch.sqrt(across.square() + down.square() + _TINY)
    across, down = across / length, down / length
    return functional.pad(across.diff(dim=-1), (1, 0)) + functional.pad(down.diff(dim=-2), (0, 0, 1, 0))


def build_wiener(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> Wiener:
    """Build the filter; it has neither configuration nor weights."""
    return Wiener()


def build_richardson_lucy(
    *, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters
) -> RichardsonLucy:
    """Build the method; it has neither configuration nor weights."""
    return RichardsonLucy()
