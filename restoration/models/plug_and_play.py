"""Deblurring and the repair of lost pixels with a denoiser as the prior: half-quadratic splitting.

Reference:
    Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser Prior, 2021, arXiv:2008.13751 (the schedule);
    Zhang et al., Learning Deep CNN Denoiser Prior for Image Restoration, 2017, arXiv:1704.03264.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from restoration.algorithms.convolution import Canvas, kernel_of
from restoration.algorithms.impulses import REACH_PX, fill_impulses, find_impulses
from restoration.models.shared.contract import Contract
from restoration.models.shared.denoiser_prior import DenoiserPrior, denoiser_of, whole_picture
from restoration.models.shared.state import load_networks
from restoration.networks.ircnn import IRCNNBank
from restoration.networks.unet import ResUNet
from restoration.types import Parameters

_FIRST_SIGMA = 49 / 255
_LEAST_SIGMA = 1 / 255
_PRIOR_WEIGHT = 1.0
_FILL_SIGMAS = (30 / 255, 2 / 255)


class PlugAndPlayDeblur(DenoiserPrior):
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
            estimate = self.denoise(sharp, float(level))
            yield (index + 1) / count, canvas.cut(estimate)


class PlugAndPlayFill(DenoiserPrior):
    """Replace impulses: sound samples stay exactly as they are, the others come from the denoised picture."""

    def steps(
        self,
        image: Tensor,
        *,
        parameters: Parameters,
        mask: Tensor | None = None,
        kernel: Tensor | None = None,
    ) -> Iterator[tuple[float, Tensor]]:
        impulses = find_impulses(image) if mask is None else mask
        if not impulses.any():
            yield 1.0, image
            return
        estimate = fill_impulses(image, impulses)
        count = int(parameters["iterations"])
        for index, level in enumerate(np.geomspace(*_FILL_SIGMAS, count)):
            estimate = torch.where(impulses > 0, self.denoise(estimate, float(level)), image)
            yield (index + 1) / count, estimate


TINY = {"widths": [4, 8], "blocks": 1}


def networks(config: Mapping[str, object], parameters: Parameters) -> dict[str, ResUNet | IRCNNBank]:
    """Return the denoiser that the parameter "prior" names."""
    return {"net": denoiser_of(config, parameters)}


def build_deblur(
    *, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters
) -> PlugAndPlayDeblur:
    """Build the deblurring with the denoiser in the file "net"."""
    network = load_networks(networks(config, parameters), weights, model="the denoiser prior")["net"]
    return PlugAndPlayDeblur(network, whole_picture(network))


def build_fill(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> PlugAndPlayFill:
    """Build the removal of impulses with the denoiser in the file "net"."""
    network = load_networks(networks(config, parameters), weights, model="the denoiser prior")["net"]
    contract = Contract(
        size_multiple=network.size_multiple,
        size_minimum=network.size_multiple,
        border_px=8,
        cpu_tile_px=832,
        cpu_whole_px=1024,
        overlap_px=network.receptive_radius_px + REACH_PX,
        is_iterative=True,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        activation_bytes_per_pixel=4.0 * network.width * 6,
    )
    return PlugAndPlayFill(network, contract)
