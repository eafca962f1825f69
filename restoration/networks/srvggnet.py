"""Real-ESRGAN's small network (SRVGGNetCompact).

The realesrgan package has the same network, but to import it takes 4 seconds and 200 MB, as it loads all of basicsr;
the built-in upscaler for damaged pictures is not to wait for that.

Reference:
    Wang et al., Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data, 2021,
    arXiv:2107.10833.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional


class SRVGGNetCompact(nn.Module):
    """Upscale (B, 3, H, W): 3x3 convolutions with PReLU predict the residual to nearest-neighbour upscaling.

    Its weights have the names that published files use.

    Args:
        num_feat: channels of all layers but the last, one number for all or one for each.
        num_conv: layers between the first and the last.
        upscale: factor.
    """

    def __init__(self, num_feat: int | Sequence[int] = 64, num_conv: int = 16, upscale: int = 4) -> None:
        super().__init__()
        self.widths = (num_feat,) * (num_conv + 1) if isinstance(num_feat, int) else tuple(num_feat)
        if len(self.widths) != num_conv + 1:
            raise ValueError(f"{num_conv + 1} layers, but {len(self.widths)} numbers of channels")
        self.num_conv, self.upscale = num_conv, upscale
        layers: list[nn.Module] = []
        for taken, given in pairwise((3, *self.widths)):
            layers += [nn.Conv2d(taken, given, 3, padding=1), nn.PReLU(given)]
        self.body = nn.Sequential(*layers, nn.Conv2d(self.widths[-1], 3 * upscale**2, 3, padding=1))
        self.upsampler = nn.PixelShuffle(upscale)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 3, upscale*H, upscale*W); range [0, 1], not clipped."""
        detail: Tensor = self.upsampler(self.body(x))
        return detail + functional.interpolate(x, scale_factor=self.upscale, mode="nearest")


def shrunk_tail(state: Mapping[str, Tensor], *, factor: int) -> dict[str, Tensor]:
    """Return weights whose output is that of the given ones, box-downscaled by `factor`.

    All pixels that become one come from the same place of the last layer, so their mean is a layer, too.

    Args:
        state: of an `SRVGGNetCompact` whose `upscale` is a multiple of `factor`.
    """
    last = max((name for name in state if name.endswith(".bias")), key=lambda name: int(name.split(".")[1]))
    shrunk = dict(state)
    for name in (last, last.replace(".bias", ".weight")):
        tensor = state[name]
        side = round((len(tensor) / 3) ** 0.5)
        grid = tensor.reshape(3, side // factor, factor, side // factor, factor, *tensor.shape[1:])
        shrunk[name] = grid.mean(dim=(2, 4)).flatten(0, 2)
    return shrunk
