"""IRCNN: seven dilated convolutions that predict the noise, and a bank of them for bands of noise levels.

The paper has a bank of 25. The noise level is told as a map beside the picture (Zhang et al. 2018), so that fewer and
wider bands suffice, and there is no batch normalisation.

Reference:
    Zhang et al., Learning Deep CNN Denoiser Prior for Image Restoration, 2017, arXiv:1704.03264;
    Zhang et al., FFDNet: Toward a Fast and Flexible Solution for CNN based Image Denoising, 2018, arXiv:1710.04026.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

_LAST_STD = 1e-3
_HIGHEST_255 = (14.0,)
"""Up to which level each network of the shipped bank but the last one works; there the next is as good."""


class IRCNN(nn.Module):
    """Predict the noise of (B, 3, H, W).

    Args:
        width: channels of all inner layers.
        dilations: of the 3x3 convolutions, first to last.
        maps: channels of what the network is told.
    """

    def __init__(self, width: int = 64, dilations: Sequence[int] = (1, 2, 3, 4, 3, 2, 1), maps: int = 1) -> None:
        super().__init__()
        self.dilations = tuple(dilations)
        self.head = _dilated(3 + maps, width, dilations[0])
        self.body = nn.ModuleList(_dilated(width, width, dilation) for dilation in dilations[1:-1])
        self.tail = _dilated(width, 3, dilations[-1])
        nn.init.normal_(self.tail.weight, std=_LAST_STD)

    @property
    def width(self) -> int:
        """Channels of all inner layers."""
        return self.head.out_channels

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return 1

    @property
    def receptive_radius_px(self) -> int:
        """Receptive field: input pixels to each side that an output pixel depends on."""
        return sum(self.dilations)

    def forward(self, damaged: Tensor, told: Tensor) -> Tensor:
        """Return the noise to subtract, (B, 3, H, W).

        Args:
            damaged: (B, 3, H, W), range [0, 1].
            told: (B, maps, H, W), or (B, maps, 1, 1) where it is the same everywhere: the noise's standard deviation.
        """
        maps = told.expand(-1, -1, damaged.shape[2], damaged.shape[3])
        x = functional.relu(self.head(torch.cat([damaged, maps], dim=1)), inplace=True)
        for layer in self.body:
            x = functional.relu(layer(x), inplace=True)
        noise: Tensor = self.tail(x)
        return noise


class IRCNNBank(nn.ModuleList):
    """Predict the noise of (B, 3, H, W), each picture with the network for its noise level.

    Args:
        highest_255: up to which level each network but the last one works, rising, in 0-255 units.
        width: see `IRCNN`.
    """

    def __init__(self, highest_255: Sequence[float] = _HIGHEST_255, width: int = 64) -> None:
        super().__init__(IRCNN(width) for _ in range(len(highest_255) + 1))
        self.highest = [level / 255 for level in highest_255]

    @property
    def width(self) -> int:
        """Channels of all inner layers."""
        return self._first.width

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return self._first.size_multiple

    @property
    def receptive_radius_px(self) -> int:
        """Receptive field: input pixels to each side that an output pixel depends on."""
        return self._first.receptive_radius_px

    @property
    def _first(self) -> IRCNN:
        first: IRCNN = self[0]  # type: ignore[assignment]
        return first

    def forward(self, damaged: Tensor, told: Tensor) -> Tensor:
        """Return the noise to subtract; the mean of `told` over a picture chooses its network. See `IRCNN.forward`."""
        levels = told.float().flatten(1).mean(dim=1).tolist()
        places = [bisect.bisect_left(self.highest, level) for level in levels]
        noise = torch.empty_like(damaged)
        for place in sorted(set(places)):
            own = [number for number, other in enumerate(places) if other == place]
            noise[own] = self[place](damaged[own], told[own])
        return noise


def _dilated(in_channels: int, out_channels: int, dilation: int) -> nn.Conv2d:
    layer = nn.Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
