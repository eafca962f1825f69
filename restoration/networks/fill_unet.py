"""A U-Net that corrects a smooth fill.

Most of its work is done at an eighth of the size, by residual blocks whose first convolution is dilated by 1 to 8
cells, so that the middle of a hole sees the surroundings 200 pixels away at little cost.

Reference:
    Yu et al., Generative Image Inpainting with Contextual Attention, 2018, arXiv:1801.07892 (dilated convolutions at
    low resolution, a coarse fill first);
    Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser Prior, 2021, arXiv:2008.13751 (the fine levels).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from restoration.networks.layers import ResidualBlock, rectify

_FIRST_TAIL = 0.1
HOLE_LEVEL = 60 / 255  # to a denoiser, from which training may start, a hole is the strongest noise it knows


class FillUNet(nn.Module):
    """Correct the holes of (B, 3, H, W); H and W must be multiples of 2 ** (levels - 1).

    Args:
        widths: channels of each level, finest first.
        blocks: residual blocks per level and direction, finest first, without the coarsest level.
        dilations: of the first convolution of each residual block at the coarsest level.
        slopes: see `ResidualBlock`.
    """

    def __init__(
        self,
        widths: Sequence[int] = (32, 64, 128, 256),
        blocks: Sequence[int] = (1, 1, 2),
        dilations: Sequence[int] = (1, 1, 2, 4),
        *,
        slopes: bool = False,
    ) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.blocks = tuple(blocks)
        self.dilations = tuple(dilations)
        fine = list(zip(widths[:-1], blocks, strict=True))
        self.head = nn.Conv2d(3 + 1, widths[0], 3, padding=1)
        self.encoders = nn.ModuleList(_blocks(*each, slopes=slopes) for each in fine)
        self.downs = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(widths))
        self.body = nn.Sequential(*(DilatedBlock(widths[-1], dilation, slopes=slopes) for dilation in dilations))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(coarse, fine, 2, stride=2) for fine, coarse in pairwise(widths))
        self.decoders = nn.ModuleList(_blocks(*each, slopes=slopes) for each in fine)
        self.tail = nn.Conv2d(widths[0], 3, 3, padding=1)
        self._start_near_the_fill()

    def _start_near_the_fill(self) -> None:
        """Initialise without biases and with near-identity blocks; a denoiser's weights can be loaded unchanged."""
        with torch.no_grad():
            self.tail.weight.mul_(_FIRST_TAIL)
            for name, parameter in self.named_parameters():
                if name.endswith("bias") or (name.startswith("body") and ".second." in name):
                    parameter.zero_()

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return int(2 ** (len(self.widths) - 1))

    def forward(self, filled: Tensor, mask: Tensor) -> Tensor:
        """Return the residual to subtract from the filled picture, (B, 3, H, W); only valid inside the holes.

        Args:
            filled: (B, 3, H, W), range [0, 1]; the picture, its holes filled smoothly or by a coarser pass.
            mask: (B, 1, H, W), 1 = hole.
        """
        x = self.head(torch.cat([filled, HOLE_LEVEL * mask], dim=1))
        skips: list[Tensor] = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        x = self.body(x)
        for decoder, up in zip(reversed(self.decoders), reversed(self.ups), strict=True):
            x = decoder(up(x) + skips.pop())
        damage: Tensor = self.tail(x)
        return damage


class DilatedBlock(nn.Module):
    """`x + conv(relu(conv(x)))` with 3x3 convolutions, the first of them dilated.

    Args:
        slopes: see `ResidualBlock`.
    """

    def __init__(self, channels: int, dilation: int, *, slopes: bool = False) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.slopes = nn.Parameter(torch.zeros(channels)) if slopes else None

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(rectify(self.first(x), self.slopes))


def _blocks(width: int, count: int, *, slopes: bool) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width, bias=True, slopes=slopes) for _ in range(count)))
