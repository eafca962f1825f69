"""EDSR-style super-resolution: residual blocks at low resolution, one pixel shuffle, a bilinear skip.

Reference:
    Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution, 2017, arXiv:1707.02921;
    Shi et al., Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
    Network, 2016, arXiv:1609.05158.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.models.base import Contract, NetworkRestorer, load_between, load_network
from restoration.models.layers import ResidualBlock
from restoration.models.views import counts_of, mean_of_views, turned_back, view_of
from restoration.types import Parameters

_BICUBIC_PX = 4  # of the input, that shrinking and enlarging reach
_COLOURS = 3  # times coarser than shapes
_UNSEEN = 2 / 255
_NOISE = 3 / (2 * math.sqrt(math.pi))  # three deviations of white noise after a Gaussian of 1 px


class EDSR(nn.Module):
    """Return the detail that bilinear upsampling lacks: (B, 3, H, W) -> (B, 3, scale*H, scale*W).

    Args:
        scale: upsampling factor.
        width: channels of the body.
        blocks: residual blocks.
        expansion: see `ResidualBlock`; only while it is trained.
    """

    def __init__(self, scale: int, width: int = 56, blocks: int = 6, expansion: int = 0) -> None:
        super().__init__()
        self.scale = scale
        self.head = nn.Conv2d(3, width, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(width, bias=True, expansion=expansion) for _ in range(blocks)))
        self.tail = nn.Conv2d(width, 3 * scale**2, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        shallow = self.head(image - 0.5)
        return functional.pixel_shuffle(self.tail(shallow + self.body(shallow)), self.scale)


def upsample_skip(image: Tensor, scale: int) -> Tensor:
    """Upsample bilinearly, the part of the answer that the network need not learn."""
    return functional.interpolate(image, scale_factor=scale, mode="bilinear", align_corners=False)


class EDSRRestorer(NetworkRestorer):
    """Add the network's detail, the mean of some views, to the bilinear skip in float32.

    Where `agreement_px` is given, what the answer, shrunk back, lacks of the input is added: colours everywhere, shapes
    where they stand out from the noise, whose deviation in [0, 1] units the parameter `sigma` tells.

    Args:
        agreement_px: 0, or how fine the shapes are, as the deviation of a Gaussian; colours are three times as coarse.

    Reference:
        Irani & Peleg, Improving Resolution by Image Registration, 1991 (back-projection).
    """

    def __init__(self, network: EDSR, contract: Contract, *, agreement_px: float = 0.0) -> None:
        super().__init__(network, contract)
        self.agreement_px = agreement_px

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        def detail(places: list[int], view: int) -> Tensor:
            seen = view_of(image[places], view).to(self.dtype).contiguous(memory_format=torch.channels_last)
            return turned_back(self.network(seen).float(), view)

        answer = upsample_skip(image, self.contract.scale) + mean_of_views(detail, counts_of(parameters))
        if self.agreement_px == 0:
            return answer
        sigma = image.new_tensor([float(each.get("sigma", 0.0)) for each in parameters]).reshape(-1, 1, 1, 1)
        shrunk = functional.interpolate(answer, size=image.shape[2:], mode="bicubic", antialias=True)
        missing = self._missing(image - shrunk, sigma)
        return answer + functional.interpolate(missing, scale_factor=self.contract.scale, mode="bicubic")

    def _missing(self, difference: Tensor, sigma: Tensor) -> Tensor:
        """Return what a difference (B, 3, H, W) holds but for noise of the deviations (B, 1, 1, 1)."""
        colours = gaussian_smooth(difference, _COLOURS * self.agreement_px)
        shapes = gaussian_smooth(difference, self.agreement_px) - colours
        least = _UNSEEN + _NOISE / self.agreement_px * sigma
        return colours + shapes.sign() * (shapes.abs() - least).clamp(min=0)


def gaussian_smooth(image: Tensor, deviation_px: float) -> Tensor:
    """Smooth every channel of (B, C, H, W) by a Gaussian of three deviations' reach; borders are continued evenly."""
    reach = _reach(deviation_px)
    axis = torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device)
    weights = (-0.5 * (axis / deviation_px) ** 2).exp()
    weights = (weights / weights.sum()).expand(image.shape[1], 1, 1, -1)
    padded = functional.pad(image, [reach] * 4, mode="replicate")
    across = functional.conv2d(padded, weights, groups=image.shape[1])
    return functional.conv2d(across, weights.transpose(2, 3), groups=image.shape[1])


def _reach(deviation_px: float) -> int:
    return math.ceil(3 * deviation_px)


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> EDSRRestorer:
    """Build the super-resolver for the scale asked for; its weights have the role "x<scale>".

    With a file "x<scale>-sharp" beside it, `sharpness` leads from the one (0, faithful) to the other (1). The entry
    `agreement_px` of the configuration is the restorer's, the others are the network's.
    """
    scale = int(parameters["scale"])
    agreement_px = float(config.get("agreement_px", 0.0))  # type: ignore[arg-type]
    network = EDSR(scale, **{name: value for name, value in config.items() if name != "agreement_px"})  # type: ignore[arg-type]
    state = load_between(weights, f"x{scale}", share=float(parameters.get("sharpness", 1.0)))
    load_network(network, state, model="the built-in super-resolver")
    contract = Contract(
        scale=scale,
        overlap_px=2 + 2 * len(network.body) + (_reach(_COLOURS * agreement_px) + _BICUBIC_PX if agreement_px else 0),
        border_px=4,
        cpu_tile_px=256,
        cpu_whole_px=512,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        activation_bytes_per_pixel=4.0 * (4 * network.head.out_channels + 9 * scale**2),
    )
    return EDSRRestorer(network, contract, agreement_px=agreement_px)
