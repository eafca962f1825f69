"""SRCNN: three convolutions that sharpen the brightness of a picture enlarged by bicubic interpolation.

The layers are the paper's; what they give is added to their input here, so that a network with small weights begins
as bicubic interpolation, which trains much faster.

Reference:
    Dong et al., Image Super-Resolution Using Deep Convolutional Networks, 2015, arXiv:1501.00092.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from restoration.models.shared.contract import Contract
from restoration.models.shared.restorers import NetworkRestorer
from restoration.models.shared.state import load_networks
from restoration.networks.layers import upsample_bicubic
from restoration.types import Parameters

VARIANTS: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "9-1-5": {"kernels_px": (9, 1, 5), "widths": (64, 32)},
    "9-5-5": {"kernels_px": (9, 5, 5), "widths": (64, 32)},
    "9-3-5": {"kernels_px": (9, 3, 5), "widths": (128, 64)},
}
"""The networks by the sides of their kernels."""

_LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)  # ITU-R BT.601 in studio range, as in `metrics.to_y`
_BLACK = 16 / 255
_LAST_STD = 1e-3


class SRCNN(nn.Module):
    """Return what bicubic interpolation lacks: (B, 1, H, W) -> (B, 1, H, W), Y in 16/255 to 235/255.

    Args:
        kernels_px: odd sides of the three kernels.
        widths: channels after the first and the second convolution.
    """

    def __init__(self, kernels_px: Sequence[int] = (9, 5, 5), widths: Sequence[int] = (64, 32)) -> None:
        super().__init__()
        first, second, third = kernels_px
        self.kernels_px = tuple(kernels_px)
        self.extract = nn.Conv2d(1, widths[0], first, padding=first // 2)
        self.map = nn.Conv2d(widths[0], widths[1], second, padding=second // 2)
        self.reconstruct = nn.Conv2d(widths[1], 1, third, padding=third // 2)
        for layer in (self.extract, self.map):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.normal_(self.reconstruct.weight, std=_LAST_STD)
        for layer in (self.extract, self.map, self.reconstruct):
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    @property
    def receptive_radius_px(self) -> int:
        """How far the output looks, in pixels of the enlarged picture."""
        return sum(side // 2 for side in self.kernels_px)

    def forward(self, luma: Tensor) -> Tensor:
        detail: Tensor = self.reconstruct(self.map(self.extract(luma).relu_()).relu_())
        return detail


def luma(image: Tensor) -> Tensor:
    """Return Y of YCbCr as the papers score it: (B, 3, H, W) in [0, 1] -> (B, 1, H, W) in 16/255 to 235/255."""
    weights = torch.tensor(_LUMA, dtype=image.dtype, device=image.device).reshape(1, 3, 1, 1)
    return (image * weights).sum(dim=1, keepdim=True) + _BLACK


class SRCNNRestorer(NetworkRestorer):
    """Enlarge by bicubic interpolation and sharpen Y; the two colour channels stay as they are."""

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        coarse = upsample_bicubic(image, self.contract.scale)
        batch = luma(coarse).to(self.dtype).contiguous(memory_format=torch.channels_last)
        detail: Tensor = self.network(batch)
        return coarse + detail.float() / sum(_LUMA)  # the same step in R, G and B moves Y and neither Cb nor Cr


def networks(config: Mapping[str, object], parameters: Parameters) -> dict[str, SRCNN]:
    """Return the network of the variant and scale asked for; its weights have the role "<variant>-x<scale>"."""
    variant = str(parameters["variant"])
    return {f"{variant}-x{int(parameters['scale'])}": SRCNN(**VARIANTS[variant])}


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> SRCNNRestorer:
    """Build the variant for the scale asked for."""
    scale = int(parameters["scale"])
    (network,) = load_networks(networks(config, parameters), weights, model="SRCNN").values()
    widths = network.extract.out_channels + network.map.out_channels
    contract = Contract(
        scale=scale,
        overlap_px=-(-network.receptive_radius_px // scale) + 2,  # two more for the bicubic kernel
        border_px=8,
        cpu_tile_px=512 // scale,
        cpu_whole_px=1024 // scale,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        activation_bytes_per_pixel=4.0 * (widths + 8) * scale**2,
    )
    return SRCNNRestorer(network, contract)
