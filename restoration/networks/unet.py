"""The residual U-Net of the built-in denoiser and JPEG repair.

Plain 3x3 residual blocks, strided 2x2 convolutions down and transposed ones up, no biases: a bias-free network scales
with its input, so it generalises to noise levels it has not seen.

Reference:
    Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser Prior, 2021, arXiv:2008.13751 (the shape);
    Mohan et al., Robust and Interpretable Blind Image Denoising via Bias-Free CNNs, 2020, arXiv:1906.05478.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from restoration.networks.layers import ResidualBlock


class ResUNet(nn.Module):
    """Predict the damage of (B, 3, H, W); H and W must be multiples of 2 ** (levels - 1).

    Without arguments it has the shape of the built-in denoiser.

    Args:
        widths: channels of each level, finest first.
        blocks: residual blocks per level and direction, one number for all levels or one for each.
        maps: channels of what the network is told.
        slopes: see `ResidualBlock`.
    """

    def __init__(
        self,
        widths: Sequence[int] = (32, 64, 128, 256),
        blocks: int | Sequence[int] = (2, 4, 3, 2),
        maps: int = 1,
        *,
        slopes: bool = True,
    ) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.blocks = (blocks,) * len(self.widths) if isinstance(blocks, int) else tuple(blocks)
        if len(self.blocks) != len(self.widths):
            raise ValueError(f"{len(self.widths)} levels, but {len(self.blocks)} numbers of blocks")
        self.head = nn.Conv2d(3 + maps, widths[0], 3, padding=1, bias=False)
        self.encoders = nn.ModuleList(self._chains(slopes))
        self.downs = nn.ModuleList(
            nn.Conv2d(fine, coarse, 2, stride=2, bias=False) for fine, coarse in pairwise(widths)
        )
        self.body = _blocks(self.widths[-1], self.blocks[-1], slopes)
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(coarse, fine, 2, stride=2, bias=False) for fine, coarse in pairwise(widths)
        )
        self.decoders = nn.ModuleList(self._chains(slopes))
        self.tail = nn.Conv2d(widths[0], 3, 3, padding=1, bias=False)

    @property
    def width(self) -> int:
        """Channels at the finest level."""
        return self.widths[0]

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return int(2 ** (len(self.widths) - 1))

    @property
    def receptive_radius_px(self) -> int:
        """Receptive field to each side: two 3x3 convolutions per block, both directions, doubled at each level."""
        fine = sum(4 * count * 2**level for level, count in enumerate(self.blocks[:-1]))
        return 2 + fine + 2 * self.blocks[-1] * 2 ** (len(self.blocks) - 1)

    def _chains(self, slopes: bool) -> list[nn.Sequential]:
        return [_blocks(*each, slopes) for each in zip(self.widths[:-1], self.blocks, strict=False)]

    def forward(self, damaged: Tensor, told: Tensor) -> Tensor:
        """Return the damage to subtract, (B, 3, H, W); the arguments are those of `features`."""
        damage: Tensor = self.tail(self.features(damaged, told))
        return damage

    def features(self, damaged: Tensor, told: Tensor) -> Tensor:
        """Return the input of the last convolution, (B, width, H, W).

        Args:
            damaged: (B, 3, H, W), range [0, 1].
            told: (B, maps, H, W), or (B, maps, 1, 1) where it is the same everywhere; range [0, 1]. For a denoiser the
                standard deviation of the noise.
        """
        maps = told.expand(len(damaged), -1, damaged.shape[2], damaged.shape[3])
        x = self.head(torch.cat([damaged, maps], dim=1))
        skips: list[Tensor] = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        x = self.body(x)
        for decoder, up in zip(reversed(self.decoders), reversed(self.ups), strict=True):
            x = decoder(up(x) + skips.pop())
        return x


def _blocks(width: int, count: int, slopes: bool) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width, bias=False, slopes=slopes) for _ in range(count)))
