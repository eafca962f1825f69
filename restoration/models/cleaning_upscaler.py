"""A network that cleans and enlarges: a residual U-Net, then an EDSR that is given what the U-Net has seen.

The U-Net works at half, quarter and eighth size, where a look at much of the picture costs little; the blocks at the
end draw the detail.

Reference:
    Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser Prior, 2021, arXiv:2008.13751 (U-Net);
    Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution, 2017, arXiv:1707.02921 (EDSR);
    He et al., Delving Deep into Rectifiers, 2015, arXiv:1502.01852 (rectifiers with a slope).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from restoration.models.edsr import EDSR, upsample_skip
from restoration.models.unet import ResUNet

_FIRST_LEVEL = 2 / 255  # of noise, that the U-Net is told before anything is learnt


class CleaningUpscaler(nn.Module):
    """Return the detail that bilinear upsampling lacks: (B, 3, H, W) -> (B, 3, scale*H, scale*W).

    H and W must be multiples of `size_multiple`.

    Args:
        widths, cleaner_blocks: of the U-Net.
        width, blocks: of the EDSR.
    """

    def __init__(
        self,
        scale: int = 4,
        widths: Sequence[int] = (32, 64, 128, 256),
        cleaner_blocks: int = 2,
        width: int = 56,
        blocks: int = 6,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.level = nn.Parameter(torch.full((1, 1, 1, 1), _FIRST_LEVEL))
        self.cleaner = ResUNet(widths, cleaner_blocks, slopes=True)
        self.upscaler = EDSR(scale, width, blocks, maps=widths[0], slopes=True)

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return self.cleaner.size_multiple

    def forward(self, image: Tensor) -> Tensor:
        """Return the detail, range [-1, 1]."""
        seen = self.cleaner.features(image, self.level)
        damage = self.cleaner.tail(seen)
        detail: Tensor = self.upscaler(image - damage, seen)
        return detail - upsample_skip(damage, self.scale)
