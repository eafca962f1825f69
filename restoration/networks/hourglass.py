"""The encoder-decoder of Deep Image Prior: its structure favours photographs over noise when fitted to one picture.

Reference:
    Ulyanov et al., Deep Image Prior, 2018, arXiv:1711.10925 (the hourglass with skips).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

_SLOPE = 0.1


class Hourglass(nn.Module):
    """(1, in, H, W) -> (1, out, H, W) in (0, 1); H and W are multiples of `size_multiple`, and at least twice that.

    The decoder is narrowed before it is enlarged, and skips are added rather than put beside: convolutions of the full
    size then have as many channels in as out, which halves their cost. Tensors stay in torch's plain layout, since
    float32 gradients on a CPU take twice as long in the channels_last layout.

    Args:
        widths: channels of each level, the finest first; each level halves the size. Multiples of 16 are fast.
        generator: where the first weights come from, on the device of the network.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        widths: Sequence[int],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.size_multiple = 2 ** len(widths)
        above, below = [in_channels, *widths[:-1]], [*widths[1:], widths[-1]]
        with torch.device("meta"):
            self.downs = nn.ModuleList(
                nn.Sequential(*_convolution(before, width, stride=2), *_convolution(width, width))
                for before, width in zip(above, widths, strict=True)
            )
            self.skips = nn.ModuleList(_mixing(*pair) for pair in zip(above, widths, strict=True))
            self.narrows = nn.ModuleList(_mixing(*pair) for pair in zip(below, widths, strict=True))
            self.ups = nn.ModuleList(
                nn.Sequential(*_normalisation(width), *_convolution(width, width), *_convolution(width, width, side=1))
                for width in widths
            )
            self.tail = nn.Conv2d(widths[0], out_channels, 1)
        self.to_empty(device=generator.device)
        _initialise(self, generator)

    def forward(self, x: Tensor) -> Tensor:
        sights = []
        for down in self.downs:
            sights.append(x)
            x = down(x)
        for level in reversed(range(len(self.ups))):
            larger = functional.interpolate(
                self.narrows[level](x), scale_factor=2, mode="bilinear", align_corners=False
            )
            x = self.ups[level](larger + self.skips[level](sights[level]))
        return torch.sigmoid(self.tail(x))


def _mixing(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 1, bias=False)


def _convolution(in_channels: int, out_channels: int, *, side: int = 3, stride: int = 1) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(in_channels, out_channels, side, stride, side // 2, bias=False)
    return convolution, *_normalisation(out_channels)


def _normalisation(channels: int) -> tuple[nn.Module, ...]:
    return nn.BatchNorm2d(channels, track_running_stats=False), nn.LeakyReLU(_SLOPE, inplace=True)


def _initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Initialise the weights as torch does by default, uniformly within 1 / sqrt(fan-in), from the given generator."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            bound = 1 / math.sqrt(module.weight[0].numel())
            nn.init.uniform_(module.weight, -bound, bound, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
