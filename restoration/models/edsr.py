"""EDSR-style super-resolution: residual blocks at low resolution, one pixel shuffle, a bilinear skip.

Reference:
    Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution, 2017, arXiv:1707.02921;
    Shi et al., Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
    Network, 2016, arXiv:1609.05158.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.models.shared.contract import Contract
from restoration.models.shared.self_ensemble import (
    SelfEnsembleRestorer,
    counts_of,
    turned_back,
    view_by_view,
    view_of,
)
from restoration.models.shared.state import load_networks
from restoration.networks.layers import ResidualBlock
from restoration.types import Parameters


class EDSR(nn.Module):
    """Return the detail that bilinear upsampling lacks: (B, 3, H, W) -> (B, 3, scale*H, scale*W).

    Without arguments but the scale it has the shape of the built-in upscaler.

    Args:
        scale: upsampling factor.
        width: channels of the body.
        blocks: residual blocks.
        expansion: see `ResidualBlock`; only while it is trained.
        slopes: see `ResidualBlock`.
    """

    def __init__(
        self, scale: int, width: int = 56, blocks: int = 12, *, expansion: int = 0, slopes: bool = True
    ) -> None:
        super().__init__()
        self.scale = scale
        self.head = nn.Conv2d(3, width, 3, padding=1)
        self.body = nn.Sequential(
            *(ResidualBlock(width, bias=True, expansion=expansion, slopes=slopes) for _ in range(blocks))
        )
        self.tail = nn.Conv2d(width, 3 * scale**2, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        shallow = self.head((image - 0.5).to(self.head.weight.dtype))  # low precision is finest around zero
        return functional.pixel_shuffle(self.tail(shallow + self.body(shallow)), self.scale)


def upsample_skip(image: Tensor, scale: int) -> Tensor:
    """Upsample bilinearly, the part of the answer that the network need not learn."""
    return functional.interpolate(image, scale_factor=scale, mode="bilinear", align_corners=False)


class EDSRRestorer(SelfEnsembleRestorer):
    """Add the network's detail, the mean of some views, to the bilinear skip in float32."""

    def units(
        self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None
    ) -> Iterator[tuple[float, Tensor | None]]:
        def detail(places: list[int], view: int) -> Tensor:
            seen = view_of(image[places], view).contiguous(memory_format=torch.channels_last)
            return turned_back(self.network(seen).float(), view)

        for fraction, mean in view_by_view(detail, counts_of(parameters)):
            yield fraction, None if mean is None else upsample_skip(image, self.contract.scale) + mean


TINY = {"width": 4, "blocks": 1}


def networks(config: Mapping[str, object], parameters: Parameters) -> dict[str, EDSR]:
    """Return the network of the scale asked for; its weights have the role "x<scale>"."""
    scale = int(parameters["scale"])
    return {f"x{scale}": EDSR(scale, **config)}  # type: ignore[arg-type]


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> EDSRRestorer:
    """Build the super-resolver for the scale asked for."""
    (network,) = load_networks(networks(config, parameters), weights, model="the built-in super-resolver").values()
    contract = Contract(
        scale=network.scale,
        overlap_px=2 + 2 * len(network.body),
        border_px=4,
        cpu_tile_px=256,
        cpu_whole_px=512,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        activation_bytes_per_pixel=4.0 * (4 * network.head.out_channels + 9 * network.scale**2),
    )
    return EDSRRestorer(network, contract)
