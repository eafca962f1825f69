"""Building blocks that several networks share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class ResidualBlock(nn.Module):
    """`x + conv(relu(conv(x)))` with 3x3 convolutions, without normalisation.

    Args:
        slopes: what the rectifier stops passes by a share that each channel learns, 0 at first: such a channel cannot
            die (see `training.silent`).
        expansion: channels inside a convolution while it is trained, as a multiple of `channels`; 0 for a plain one.
    """

    def __init__(self, channels: int, *, bias: bool, expansion: int = 0, slopes: bool = False) -> None:
        super().__init__()
        self.first = convolution(channels, channels, bias=bias, expansion=expansion)
        self.second = convolution(channels, channels, bias=bias, expansion=expansion)
        self.slopes = nn.Parameter(torch.zeros(channels)) if slopes else None

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(rectify(self.first(x), self.slopes))


def rectify(x: Tensor, slopes: Tensor | None) -> Tensor:
    """Apply ReLU to (B, C, H, W), or PReLU with a slope per channel; `x` may be overwritten."""
    return functional.relu(x, inplace=True) if slopes is None else functional.prelu(x, slopes)


class CollapsibleConv(nn.Module):
    """A collapsible 3x3 convolution: trained as 3x3 into many channels, 1x1 back and a shortcut, shipped as one kernel.

    Both are collapsed into one kernel before every call, so that training costs hardly more than for the kernel itself.

    Reference:
        Bhardwaj et al., Collapsible Linear Blocks for Super-Efficient Super Resolution, 2022, arXiv:2103.09404.
    """

    def __init__(self, in_channels: int, out_channels: int, *, bias: bool, expansion: int) -> None:
        super().__init__()
        inner = expansion * max(in_channels, out_channels)
        self.wide = nn.Conv2d(in_channels, inner, 3, padding=1, bias=False)
        self.narrow = nn.Conv2d(inner, out_channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self._kernel(), self.narrow.bias, padding=1)

    def fused(self) -> nn.Conv2d:
        """Return the equivalent plain convolution."""
        outgoing, incoming = self.narrow.out_channels, self.wide.in_channels
        plain = nn.Conv2d(incoming, outgoing, 3, padding=1, bias=self.narrow.bias is not None)
        with torch.no_grad():
            plain.weight.copy_(self._kernel())
            if plain.bias is not None and self.narrow.bias is not None:
                plain.bias.copy_(self.narrow.bias)
        return plain

    @torch.no_grad()
    def become(self, kernel: Tensor, bias: Tensor | None) -> None:
        """Load the weights of a plain convolution: the first inner channels compensate for the others.

        Args:
            kernel: (out_channels, in_channels, 3, 3).
            bias: (out_channels,); None where the convolution has none.
        """
        outgoing = self.narrow.out_channels
        self.narrow.weight[:, :outgoing] = torch.eye(outgoing)[..., None, None]
        self.wide.weight[:outgoing] += kernel - self._kernel()
        if self.narrow.bias is not None:
            self.narrow.bias.copy_(torch.zeros(outgoing) if bias is None else bias)

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        """Shape of the plain convolution's kernel."""
        return self.narrow.out_channels, self.wide.in_channels, 3, 3

    def _kernel(self) -> Tensor:
        outgoing, incoming = self.kernel_shape[:2]
        kernel = (self.narrow.weight.flatten(1) @ self.wide.weight.flatten(1)).reshape(self.kernel_shape)
        if outgoing != incoming:
            return kernel
        shortcut = torch.eye(outgoing, dtype=kernel.dtype, device=kernel.device)
        return kernel + functional.pad(shortcut[..., None, None], (1, 1, 1, 1))


def convolution(in_channels: int, out_channels: int, *, bias: bool, expansion: int = 0) -> nn.Module:
    """Return a 3x3 convolution that keeps the size, plain or collapsible."""
    if expansion:
        return CollapsibleConv(in_channels, out_channels, bias=bias, expansion=expansion)
    return nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias)


def fuse(network: nn.Module) -> nn.Module:
    """Replace every collapsible convolution inside a network by its plain one; return the network."""
    for name, child in network.named_children():
        if isinstance(child, CollapsibleConv):
            setattr(network, name, child.fused())
        else:
            fuse(child)
    return network


def upsample_bicubic(image: Tensor, scale: int) -> Tensor:
    """Enlarge (B, C, H, W) by bicubic interpolation with a = -0.5, as the research papers do; it may overshoot.

    Reference:
        Keys, Cubic Convolution Interpolation for Digital Image Processing, 1981, doi:10.1109/TASSP.1981.1163711.
    """
    return functional.interpolate(image, scale_factor=scale, mode="bicubic", antialias=True)  # else a = -0.75
