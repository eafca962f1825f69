"""Deblurring and the repair of lost pixels with a denoiser as the prior: half-quadratic splitting.

Reference:
    Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser Prior, 2021, arXiv:2008.13751 (the schedule);
    Zhang et al., Learning Deep CNN Denoiser Prior for Image Restoration, 2017, arXiv:1704.03264.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from restoration.models.base import Contract, NetworkRestorer, load_network, load_state
from restoration.models.blur import Canvas, kernel_of
from restoration.models.impulses import REACH_PX, fill_impulses, find_impulses
from restoration.models.ircnn import IRCNN
from restoration.models.unet import ResUNet
from restoration.types import Parameters

_FIRST_SIGMA = 49 / 255
_LEAST_SIGMA = 1 / 255
_PRIOR_WEIGHT = 1.0
_FILL_SIGMAS = (30 / 255, 2 / 255)
_LEAST, _MOST = -0.5, 1.5  # far outside what a picture holds, so that nothing can grow without end


class _PlugAndPlay(NetworkRestorer):
    """Alternate between what was observed and what the denoiser takes for a photograph."""

    network: ResUNet | IRCNN

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        answers = [
            list(self.steps(picture[None], parameters=each))[-1][1]
            for picture, each in zip(image, parameters, strict=True)
        ]
        return torch.cat(answers)

    def _denoise(self, image: Tensor, sigma: float) -> Tensor:
        told = torch.full((1, 1, 1, 1), sigma, dtype=self.dtype, device=image.device)
        batch = image.to(self.dtype).contiguous(memory_format=torch.channels_last)
        return (image - self.network(batch, told).float()).clamp(_LEAST, _MOST)


class PlugAndPlayDeblur(_PlugAndPlay):
    """Alternate between the sharp picture that explains the blurred one and its denoised version."""

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
        sigma = max(float(parameters["sigma"]), _LEAST_SIGMA)
        count = int(parameters["iterations"])
        canvas = Canvas(image, blur, multiple=self.network.size_multiple)
        estimate = canvas.continued
        for index, level in enumerate(np.geomspace(max(_FIRST_SIGMA, sigma), sigma, count)):
            sharp = canvas.solve(estimate, weight=_PRIOR_WEIGHT * (sigma / float(level)) ** 2)
            estimate = self._denoise(sharp, float(level))
            yield (index + 1) / count, canvas.cut(estimate)


class PlugAndPlayFill(_PlugAndPlay):
    """Replace impulses: sound samples stay exactly as they are, the others come from the denoised picture."""

    def steps(
        self,
        image: Tensor,
        *,
        parameters: Parameters,
        mask: Tensor | None = None,
        kernel: Tensor | None = None,
    ) -> Iterator[tuple[float, Tensor]]:
        impulses = find_impulses(image)
        if not impulses.any():
            yield 1.0, image
            return
        estimate = fill_impulses(image, impulses)
        count = int(parameters["iterations"])
        for index, level in enumerate(np.geomspace(*_FILL_SIGMAS, count)):
            estimate = torch.where(impulses > 0, self._denoise(estimate, float(level)), image)
            yield (index + 1) / count, estimate


def build_deblur(
    *, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters
) -> PlugAndPlayDeblur:
    """Build the deblurring with the denoiser in the file "net"."""
    network = _load(config, weights, parameters)
    contract = Contract(
        tiling="internal",
        is_iterative=True,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        activation_bytes_per_pixel=4.0 * network.head.out_channels * 6,
    )
    return PlugAndPlayDeblur(network, contract)


def build_fill(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> PlugAndPlayFill:
    """Build the removal of impulses with the denoiser in the file "net"."""
    network = _load(config, weights, parameters)
    contract = Contract(
        size_multiple=network.size_multiple,
        size_minimum=network.size_multiple,
        border_px=8,
        cpu_tile_px=832,
        cpu_whole_px=1024,
        overlap_px=network.receptive_radius_px + REACH_PX,
        is_iterative=True,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        activation_bytes_per_pixel=4.0 * network.head.out_channels * 6,
    )
    return PlugAndPlayFill(network, contract)


def _load(config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> ResUNet | IRCNN:
    """Load the file "net" into the prior that the parameter "prior" names; without one, the built-in denoiser."""
    is_ircnn = parameters.get("prior") == "IRCNN"
    network: ResUNet | IRCNN = IRCNN() if is_ircnn else ResUNet(**config)  # type: ignore[arg-type]
    load_network(network, load_state(weights["net"]), model="the denoiser prior")
    return network
