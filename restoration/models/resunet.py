"""Residual U-Net denoiser with a noise-level map.

Plain 3x3 residual blocks, strided 2x2 convolutions down and transposed ones up, no biases: a bias-free network scales
with its input, so it generalises to noise levels it has not seen.

Reference:
    Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser Prior, 2021, arXiv:2008.13751 (the shape);
    Mohan et al., Robust and Interpretable Blind Image Denoising via Bias-Free CNNs, 2020, arXiv:1906.05478.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from restoration.models.base import Contract, NetworkRestorer, load_network, load_state
from restoration.models.layers import ResidualBlock
from restoration.types import Parameters


class ResUNet(nn.Module):
    """Denoise (B, 3, H, W) given sigma; H and W must be multiples of 2 ** (levels - 1).

    Args:
        widths: channels of each level, finest first.
        blocks: residual blocks per level and direction.
    """

    def __init__(self, widths: Sequence[int] = (32, 64, 128, 256), blocks: int = 2) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.blocks = blocks
        self.head = nn.Conv2d(4, widths[0], 3, padding=1, bias=False)
        self.encoders = nn.ModuleList(_blocks(width, blocks) for width in widths[:-1])
        self.downs = nn.ModuleList(
            nn.Conv2d(fine, coarse, 2, stride=2, bias=False) for fine, coarse in pairwise(widths)
        )
        self.body = _blocks(widths[-1], blocks)
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(coarse, fine, 2, stride=2, bias=False) for fine, coarse in pairwise(widths)
        )
        self.decoders = nn.ModuleList(_blocks(width, blocks) for width in widths[:-1])
        self.tail = nn.Conv2d(widths[0], 3, 3, padding=1, bias=False)

    def forward(self, noisy: Tensor, sigma: Tensor) -> Tensor:
        """Return the noise to subtract.

        Args:
            noisy: (B, 3, H, W), range [0, 1].
            sigma: (B, 1, 1, 1), noise standard deviation in [0, 1] units.
        """
        level = sigma.expand(-1, 1, noisy.shape[2], noisy.shape[3])
        x = self.head(torch.cat([noisy, level], dim=1))
        skips: list[Tensor] = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        x = self.body(x)
        for decoder, up in zip(reversed(self.decoders), reversed(self.ups), strict=True):
            x = decoder(up(x) + skips.pop())
        noise: Tensor = self.tail(x)
        return noise


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width, bias=False) for _ in range(count)))


class ResUNetRestorer(NetworkRestorer):
    """Subtract the predicted noise in float32, so that low precision touches only the correction."""

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        levels = [float(each["sigma"]) for each in parameters]
        sigma = torch.tensor(levels, dtype=self.dtype, device=image.device).reshape(-1, 1, 1, 1)
        noise = self.network(image.to(self.dtype).contiguous(memory_format=torch.channels_last), sigma)
        return image - noise.float()


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> ResUNetRestorer:
    """Build the denoiser from its manifest entry."""
    network = ResUNet(**config)  # type: ignore[arg-type]
    load_network(network, load_state(weights["net"]), model="the built-in denoiser")
    levels = len(network.widths) - 1
    contract = Contract(
        size_multiple=2**levels,
        size_minimum=2**levels,
        border_px=8,
        cpu_tile_px=832,
        cpu_whole_px=1024,
        overlap_px=_receptive_radius_px(levels, network.blocks),
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        activation_bytes_per_pixel=4.0 * network.head.out_channels * 6,
    )
    return ResUNetRestorer(network, contract)


def _receptive_radius_px(levels: int, blocks: int) -> int:
    """Return how far the output looks: two 3x3 convolutions per block, both directions, doubled at each level."""
    fine = sum(2 * blocks * 2 * 2**level for level in range(levels))
    coarse = 2 * blocks * 2**levels
    return 2 + fine + coarse
