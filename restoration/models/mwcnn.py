"""MWCNN: a U-Net that goes down by the Haar wavelet transform and up by its inverse, so that nothing is lost between.

The levels are those of the paper; its plain convolutions with batch normalisation are residual blocks without it here,
and the noise level is told as a map instead of training a network for each.

Reference:
    Liu et al., Multi-level Wavelet-CNN for Image Restoration, 2018, arXiv:1805.07071.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.models.shared.contract import Contract
from restoration.models.shared.residual import Denoiser, JpegRemover
from restoration.models.shared.restorers import NetworkRestorer
from restoration.models.shared.state import load_networks
from restoration.networks.layers import ResidualBlock, upsample_bicubic
from restoration.types import Parameters

_JPEG_GRID_PX = 16  # the blocks of colour at half resolution
_LAST_STD = 1e-3


def dwt(image: Tensor) -> Tensor:
    """Return the orthonormal Haar transform: (B, C, H, W), H and W even -> (B, 4C, H/2, W/2), means first."""
    upper, lower = image[..., ::2, :], image[..., 1::2, :]
    rows, steps = upper + lower, upper - lower
    bands = [part[..., ::2] + sign * part[..., 1::2] for part in (rows, steps) for sign in (1, -1)]
    return torch.cat(bands, dim=1) / 2


def iwt(bands: Tensor) -> Tensor:
    """Return the picture of a transform, the exact inverse of `dwt`: (B, 4C, H, W) -> (B, C, 2H, 2W)."""
    mean, across, down, cross = bands.chunk(4, dim=1)
    left, right = mean + across, mean - across  # sums of the two rows
    left_step, right_step = down + cross, down - cross
    corners = (left + left_step, right + right_step, left - left_step, right - right_step)
    return functional.pixel_shuffle(torch.stack(corners, dim=2).flatten(1, 2), 2) / 2


class MWCNN(nn.Module):
    """Find the damage of (B, 3, H, W); H and W must be multiples of 2 ** levels.

    Args:
        widths: channels of each level, finest first; the finest works at half the resolution of the picture.
        blocks: residual blocks per level and direction.
        maps: channels of what the network is told.
    """

    def __init__(self, widths: Sequence[int] = (48, 96, 160), blocks: int = 2, maps: int = 1) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.blocks = blocks
        incoming = (12 + maps, *(4 * width for width in widths[:-1]))
        outgoing = (12, *(4 * width for width in widths[:-1]))
        self.encoders = nn.ModuleList(
            nn.Sequential(_convolution(count, width), *_blocks(width, blocks))
            for count, width in zip(incoming, widths, strict=True)
        )
        self.decoders = nn.ModuleList(
            nn.Sequential(*(_blocks(width, blocks) if level < len(widths) - 1 else ()), _convolution(width, count))
            for level, (width, count) in enumerate(zip(widths, outgoing, strict=True))
        )
        *_, last = (layer for layer in self.decoders[0].modules() if isinstance(layer, nn.Conv2d))
        nn.init.normal_(last.weight, std=_LAST_STD)  # it begins as the picture itself

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return int(2 ** len(self.widths))

    @property
    def receptive_radius_px(self) -> int:
        """How far the output looks: a convolution and two per block in both directions, each level twice as far."""
        coarsest = len(self.widths) - 1
        convolutions = [2 + (2 if level == coarsest else 4) * self.blocks for level in range(coarsest + 1)]
        return sum(count * 2 ** (level + 1) for level, count in enumerate(convolutions)) + self.size_multiple

    def forward(self, damaged: Tensor, told: Tensor) -> Tensor:
        """Return the damage to subtract, (B, 3, H, W).

        Args:
            damaged: (B, 3, H, W), range [0, 1].
            told: (B, maps, H, W), or (B, maps, 1, 1) where it is the same everywhere; range [0, 1]. For a denoiser the
                standard deviation of the noise.
        """
        bands = dwt(damaged)
        maps = functional.avg_pool2d(told, 2) if told.shape[2] > 1 else told
        x = torch.cat([bands, maps.expand(-1, -1, *bands.shape[2:]).to(bands.dtype)], dim=1)
        skips: list[Tensor] = []
        for level, encoder in enumerate(self.encoders):
            x = encoder(x if level == 0 else dwt(x))
            skips.append(x)
        for level in reversed(range(len(self.decoders))):
            found = skips.pop()
            x = self.decoders[level](found if level == len(self.decoders) - 1 else found + x)
            x = iwt(x)
        return x


def _convolution(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)


def _blocks(width: int, count: int) -> list[ResidualBlock]:
    return [ResidualBlock(width, bias=False) for _ in range(count)]


class MWCNNUpscaler(NetworkRestorer):
    """Enlarge by bicubic interpolation and subtract what the network takes for its damage, in float32."""

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        coarse = upsample_bicubic(image, self.contract.scale)
        told = torch.zeros((len(image), 1, 1, 1), dtype=self.dtype, device=image.device)
        batch = coarse.to(self.dtype).contiguous(memory_format=torch.channels_last)
        damage: Tensor = self.network(batch, told)
        return coarse - damage.float()


TINY = {"widths": [4, 8], "blocks": 1}


def networks(config: Mapping[str, object], parameters: Parameters) -> dict[str, MWCNN]:
    """Return the network, whose weights have the role "net", or "x<scale>" where it enlarges."""
    role = f"x{int(parameters['scale'])}" if "scale" in parameters else "net"
    return {role: MWCNN(**config)}  # type: ignore[arg-type]


def build_denoiser(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> Denoiser:
    """Build the denoiser from its manifest entry."""
    return Denoiser(*_load(networks(config, parameters), weights))


def build_jpeg_remover(
    *, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters
) -> JpegRemover:
    """Build the JPEG artefact remover from its manifest entry."""
    network, contract = _load(networks(config, parameters), weights)
    grid_px = max(_JPEG_GRID_PX, contract.size_multiple)
    return JpegRemover(
        network, replace(contract, size_multiple=grid_px, border_px=_JPEG_GRID_PX, tile_align_px=_JPEG_GRID_PX)
    )


def build_upscaler(
    *, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters
) -> MWCNNUpscaler:
    """Build the super-resolver for the scale asked for."""
    scale = int(parameters["scale"])
    network, contract = _load(networks(config, parameters), weights)
    return MWCNNUpscaler(
        network,
        replace(
            contract,
            scale=scale,
            size_multiple=max(1, network.size_multiple // scale),
            size_minimum=max(1, network.size_multiple // scale),
            overlap_px=-(-network.receptive_radius_px // scale) + 2,
            border_px=4,
            cpu_tile_px=contract.cpu_tile_px // scale,
            cpu_whole_px=contract.cpu_whole_px // scale,
            activation_bytes_per_pixel=contract.activation_bytes_per_pixel * scale**2,
        ),
    )


def _load(parts: dict[str, MWCNN], weights: Mapping[str, Path]) -> tuple[MWCNN, Contract]:
    (network,) = load_networks(parts, weights, model="MWCNN").values()
    contract = Contract(
        size_multiple=network.size_multiple,
        size_minimum=network.size_multiple,
        border_px=8,
        cpu_tile_px=832,
        cpu_whole_px=1024,
        overlap_px=network.receptive_radius_px,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        activation_bytes_per_pixel=4.0 * (2 * network.widths[0] + 12),
    )
    return network, contract
