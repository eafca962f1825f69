"""Inpainting with a denoiser as the prior: half-quadratic splitting with a mask as the operator.

Before each step noise of the level that the denoiser is told is added in the holes. A smooth hole is not what it was
trained on: given nothing to remove it drifts, step by step, to bright or coloured spots.

Reference:
    Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser Prior, 2021, arXiv:2008.13751 (the splitting);
    Zhang et al., Learning Deep CNN Denoiser Prior for Image Restoration, 2017, arXiv:1704.03264;
    Kadkhodaie & Simoncelli, Solving Linear Inverse Problems Using the Prior Implicit in a Denoiser, 2020,
    arXiv:2007.13640 (the noise).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from restoration.models.shared.denoiser_prior import DenoiserPrior, denoiser_of, whole_picture
from restoration.models.shared.state import load_networks
from restoration.networks.ircnn import IRCNNBank
from restoration.networks.unet import ResUNet
from restoration.types import Parameters

_SIGMAS = (50 / 255, 2 / 255)
_SMOOTHINGS = 8
_SEED = 0


class PlugAndPlayInpaint(DenoiserPrior):
    """Alternate between the denoised picture and the known pixels, at a noise level that falls."""

    def steps(
        self,
        image: Tensor,
        *,
        parameters: Parameters,
        mask: Tensor | None = None,
        kernel: Tensor | None = None,
    ) -> Iterator[tuple[float, Tensor]]:
        assert mask is not None
        known = 1 - mask
        noise = float(parameters["sigma"])
        estimate = spread(image, known)
        count = int(parameters["iterations"])
        generator = torch.Generator().manual_seed(_SEED)
        for index, level in enumerate(np.geomspace(_SIGMAS[0], max(_SIGMAS[1], noise), count)):
            grain = torch.randn(estimate.shape, generator=generator).to(estimate)
            denoised = self.denoise(estimate + mask * float(level) * grain, float(level))
            estimate = keep_known(image, denoised, known, weight=(noise / float(level)) ** 2)
            yield (index + 1) / count, estimate


def keep_known(observed: Tensor, prior: Tensor, known: Tensor, *, weight: float) -> Tensor:
    """Return the x that minimises |known * (x - observed)|^2 + weight |x - prior|^2; weight 0 is its limit.

    Args:
        observed, prior: (B, C, H, W).
        known: (B, 1, H, W), 1 where `observed` holds something.
    """
    share = known / (1 + weight)
    return share * observed + (1 - share) * prior


def spread(image: Tensor, known: Tensor) -> Tensor:
    """Return the picture with its holes filled smoothly: every pixel there is near the mean of its neighbours.

    Args:
        image: (B, C, H, W); what stands in the holes does not matter.
        known: (B, 1, H, W), 1 = known.
    """
    if bool((known > 0).all()) or min(image.shape[-2:]) < 2:
        mean = (image * known).sum(dim=(-2, -1), keepdim=True) / known.sum(dim=(-2, -1), keepdim=True).clamp(min=1)
        return torch.where(known > 0, image, mean)
    half = functional.avg_pool2d(torch.cat([image * known, known], dim=1), 2, ceil_mode=True)
    sums, shares = half[:, :-1], half[:, -1:]
    coarse = spread(sums / shares.clamp(min=1e-6), (shares > 0).to(image.dtype))
    filled = functional.interpolate(coarse, size=image.shape[-2:], mode="bilinear", align_corners=False)
    for _ in range(_SMOOTHINGS):
        filled = torch.where(known > 0, image, filled)
        filled = functional.avg_pool2d(filled, 3, stride=1, padding=1, count_include_pad=False)
    return torch.where(known > 0, image, filled)


TINY = {"widths": [4, 8], "blocks": 1}


def networks(config: Mapping[str, object], parameters: Parameters) -> dict[str, ResUNet | IRCNNBank]:
    """Return the denoiser that the parameter "prior" names."""
    return {"net": denoiser_of(config, parameters)}


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> PlugAndPlayInpaint:
    """Build the inpainting with the denoiser in the file "net"."""
    network = load_networks(networks(config, parameters), weights, model="the denoiser prior")["net"]
    size = network.size_multiple
    contract = replace(whole_picture(network), size_multiple=size, size_minimum=size, border_px=8, needs_mask=True)
    return PlugAndPlayInpaint(network, contract)
