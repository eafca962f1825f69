"""DarkIR: brightens dark photographs, and removes their noise and blur, with one network.

Its encoder repairs the light, in the amplitudes of the Fourier spectrum; its decoder repairs the detail, with dilated
convolutions. Both gate their channels by means over the whole picture.

Reference:
    Feijoo et al., DarkIR: Robust Low-Light Image Restoration, 2024, arXiv:2412.13443; Chen et al., Simple Baselines for
    Image Restoration, 2022, arXiv:2204.04676 (the gates and the simplified channel attention).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.models.shared.contract import Contract
from restoration.models.shared.restorers import NetworkRestorer
from restoration.models.shared.state import load_networks
from restoration.types import Parameters

_NEGATIVE_SLOPE = 0.1
_ACTIVATION_BYTES_PER_PIXEL = 2600.0
"""Measured on a CPU, with the published widths."""
_REACH_PX = 64
"""As far as tiles are blended: the means and spectra of a tile are not those of the picture, however large it is."""


class ChannelNorm(nn.Module):
    """Bring the channels of every pixel to mean 0 and variance 1, then scale and shift each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        pixels = x.permute(0, 2, 3, 1)  # a view without a copy in torch's channels_last
        return functional.layer_norm(pixels, pixels.shape[3:], self.weight, self.bias, 1e-6).permute(0, 3, 1, 2)


class SpectrumPerceptron(nn.Module):
    """Change the amplitudes of the spectrum, each frequency by itself, and keep the phases.

    Fourier transforms of any size exist in float32 only.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.process1 = nn.Sequential(
            nn.Conv2d(channels, 2 * channels, 1),
            nn.LeakyReLU(_NEGATIVE_SLOPE, inplace=True),
            nn.Conv2d(2 * channels, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(x)
        amplitude = self.process1(spectrum.abs())
        return torch.fft.irfft2(torch.polar(amplitude, spectrum.angle()), s=x.shape[2:])


class Block(nn.Module):
    """What both kinds of block begin with: dilated convolutions, a gate and channel attention, added to the input."""

    def __init__(self, channels: int, *, dilations: Sequence[int]) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(channels)
        self.conv1 = nn.Conv2d(channels, 2 * channels, 1)
        self.branches = nn.ModuleList(_branch(2 * channels, dilation) for dilation in dilations)
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels, 1))
        self.conv3 = nn.Conv2d(channels, channels, 1)
        self.norm2 = ChannelNorm(channels)
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def attend(self, x: Tensor, wide: Tensor) -> Tensor:
        """Return `x` with what the branches find in `wide`, its normalised form of twice as many channels."""
        seen = self.branches[0](wide)
        for branch in self.branches[1:]:
            seen += branch(wide)
        gated = _gate(seen)
        return x + self.beta * self.conv3(gated * self.sca(gated))


class LightBlock(Block):
    """The encoder's block: its second half works on the spectrum."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, dilations=(1,))
        self.extra_conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.freq = SpectrumPerceptron(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.attend(x, self.conv1(self.extra_conv(self.norm1(x))))
        return x + self.gamma * (x * self.freq(self.norm2(x)))


class DetailBlock(Block):
    """The decoder's block: dilated branches, then a gated perceptron for each pixel."""

    def __init__(self, channels: int, *, dilations: Sequence[int]) -> None:
        super().__init__(channels, dilations=dilations)
        self.extra_conv = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=channels)
        self.conv4 = nn.Conv2d(channels, 2 * channels, 1)
        self.conv5 = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.attend(x, self.extra_conv(self.conv1(self.norm1(x))))
        return x + self.gamma * self.conv5(_gate(self.conv4(self.norm2(x))))


class DarkIR(nn.Module):
    """Brighten and mend (B, 3, H, W); H and W must be multiples of `size_multiple`. Float32 only.

    The names of the parameters are those of the published files.

    Args:
        width: channels of the finest level; each coarser one has twice as many.
        enc_blk_nums: blocks of each level on the way down, finest first.
        middle_blk_num_enc, middle_blk_num_dec: blocks of each kind at the coarsest level.
        dec_blk_nums: blocks of each level on the way up, coarsest first; as many levels as down.
        dilations: of the decoder's branches.
    """

    def __init__(
        self,
        width: int = 32,
        *,
        enc_blk_nums: Sequence[int] = (1, 2, 3),
        middle_blk_num_enc: int = 2,
        middle_blk_num_dec: int = 2,
        dec_blk_nums: Sequence[int] = (3, 1, 1),
        dilations: Sequence[int] = (1, 4, 9),
    ) -> None:
        super().__init__()
        down = [width * 2**level for level in range(len(enc_blk_nums))]
        coarsest = width * 2 ** len(enc_blk_nums)
        self.width = width
        self.intro = nn.Conv2d(3, width, 3, padding=1)
        self.encoders = nn.ModuleList(
            _stage(LightBlock(channels) for _ in range(count))
            for channels, count in zip(down, enc_blk_nums, strict=True)
        )
        self.downs = nn.ModuleList(nn.Conv2d(channels, 2 * channels, 2, stride=2) for channels in down)
        self.middle_blks_enc = _stage(LightBlock(coarsest) for _ in range(middle_blk_num_enc))
        self.middle_blks_dec = _stage(DetailBlock(coarsest, dilations=dilations) for _ in range(middle_blk_num_dec))
        up = down[::-1]
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(2 * channels, 4 * channels, 1, bias=False), nn.PixelShuffle(2)) for channels in up
        )
        self.decoders = nn.ModuleList(
            _stage(DetailBlock(channels, dilations=dilations) for _ in range(count))
            for channels, count in zip(up, dec_blk_nums, strict=True)
        )
        self.ending = nn.Conv2d(width, 3, 3, padding=1)
        self.side_out = nn.Conv2d(coarsest, 3, 3, padding=1)  # of the training alone; the published files hold it

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return int(2 ** len(self.downs))

    def forward(self, dark: Tensor) -> Tensor:
        """Return the restored picture, (B, 3, H, W); it may overshoot [0, 1].

        Args:
            dark: (B, 3, H, W), range [0, 1].
        """
        x = self.intro(dark)
        skips: list[Tensor] = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        lit = self.middle_blks_enc(x)
        x = lit + self.middle_blks_dec(lit)
        for decoder, up in zip(self.decoders, self.ups, strict=True):
            x = decoder(up(x) + skips.pop())
        restored: Tensor = dark + self.ending(x)
        return restored


def _gate(x: Tensor) -> Tensor:
    """Return the product of the first and the second half of the channels."""
    first, second = x.chunk(2, dim=1)
    return first * second


def _branch(channels: int, dilation: int) -> nn.Module:
    convolution = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, groups=channels)
    return nn.Sequential(OrderedDict(branch=nn.Sequential(convolution)))


def _stage(blocks: Iterable[nn.Module]) -> nn.Module:
    return nn.Sequential(OrderedDict(modules_list=nn.Sequential(*blocks)))


STATE_KEY = "params"
TINY = {"width": 4, "enc_blk_nums": [1, 1], "dec_blk_nums": [1, 1], "dilations": [1, 2]}


def networks(config: Mapping[str, object], parameters: Parameters) -> dict[str, DarkIR]:
    """Return the network; the entry's configuration is its arguments."""
    return {"net": DarkIR(**config)}  # type: ignore[arg-type]


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> NetworkRestorer:
    """Build the network from a published file ("net"), whose state dict lies under the key "params".

    Raises:
        WeightsUnavailable: the file holds something else.

    Reference:
        Feijoo et al., DarkIR: Robust Low-Light Image Restoration, 2024, arXiv:2412.13443.
    """
    network = load_networks(networks(config, parameters), weights, model="DarkIR", key=STATE_KEY)["net"]
    contract = Contract(
        size_multiple=network.size_multiple,
        size_minimum=network.size_multiple,
        tiling="discouraged",
        overlap_px=_REACH_PX,
        border_px=network.size_multiple,
        dtypes=(torch.float32,),
        activation_bytes_per_pixel=_ACTIVATION_BYTES_PER_PIXEL * network.width / 32,
    )
    return NetworkRestorer(network, contract)
