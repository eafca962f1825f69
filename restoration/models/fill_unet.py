"""The U-Net behind the built-in inpainting: it corrects a smooth fill.

Most of its work is done at an eighth of the size, by residual blocks whose first convolution is dilated by 1 to 8
cells, so that the middle of a hole sees the surroundings 200 pixels away at little cost.

Reference:
    Yu et al., Generative Image Inpainting with Contextual Attention, 2018, arXiv:1801.07892 (dilated convolutions at low
    resolution, a coarse fill first);
    Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser Prior, 2021, arXiv:2008.13751 (the fine levels).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.models.layers import ResidualBlock


class FillUNet(nn.Module):
    """Correct the holes of (B, 3, H, W); H and W must be multiples of 2 ** (levels - 1).

    Args:
        widths: channels of each level, finest first.
        blocks: residual blocks per level and direction, finest first, without the coarsest level.
        dilations: of the first convolution of each residual block at the coarsest level.
    """

    def __init__(
        self,
        widths: Sequence[int] = (16, 48, 96, 160),
        blocks: Sequence[int] = (2, 1, 1),
        dilations: Sequence[int] = (1, 2, 4, 8, 2, 1),
    ) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.blocks = tuple(blocks)
        self.dilations = tuple(dilations)
        fine = list(zip(widths[:-1], blocks, strict=True))
        self.head = nn.Conv2d(3 + 1, widths[0], 3, padding=1)
        self.encoders = nn.ModuleList(_blocks(width, count) for width, count in fine)
        self.downs = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(widths))
        self.body = nn.Sequential(*(DilatedBlock(widths[-1], dilation) for dilation in dilations))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(coarse, fine, 2, stride=2) for fine, coarse in pairwise(widths))
        self.decoders = nn.ModuleList(_blocks(width, count) for width, count in fine)
        self.tail = nn.Conv2d(widths[0], 3, 3, padding=1)
        nn.init.zeros_(self.tail.weight)  # an untrained network leaves the smooth fill as it is
        nn.init.zeros_(self.tail.bias)

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return int(2 ** (len(self.widths) - 1))

    def forward(self, filled: Tensor, mask: Tensor) -> Tensor:
        """Return what to add to the filled picture, (B, 3, H, W); it means something inside the holes only.

        Args:
            filled: (B, 3, H, W), range [0, 1]; the picture, its holes filled smoothly or by a coarser pass.
            mask: (B, 1, H, W), 1 = hole.
        """
        x = self.head(torch.cat([filled, mask], dim=1))
        skips: list[Tensor] = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        x = self.body(x)
        for decoder, up in zip(reversed(self.decoders), reversed(self.ups), strict=True):
            x = decoder(up(x) + skips.pop())
        correction: Tensor = self.tail(x)
        return correction


class DilatedBlock(nn.Module):
    """`x + conv(relu(conv(x)))` with 3x3 convolutions, the first of them dilated."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(functional.relu(self.first(x), inplace=True))


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width, bias=True) for _ in range(count)))
