"""A network of 16 convolutions that brightens dark photographs, removes their dots, and leaves bright parts alone.

It works at half the resolution and less, where it can see how bright the surroundings are, and with the mean of its
deepest features over the whole picture, so that shade in a bright photograph is told from a dark photograph. What it
finds are two shares of every sample, one of what is missing to white, which it gains, and one of itself, which it
loses: where both are 0 the picture stays, highlights never clip, and a white dot can be darkened where its
surroundings are lifted.

Reference:
    Chen et al., Learning to See in the Dark, 2018, arXiv:1805.01934 (brightening by one network);
    Gharbi et al., Deep Bilateral Learning for Real-Time Image Enhancement, 2017, arXiv:1707.02880 (global features);
    Shi et al., Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
    Network, 2016, arXiv:1609.05158 (going up).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.models.base import Contract, NetworkRestorer, load_network, load_state
from restoration.types import Parameters

_TAIL_STD, _TAIL_BIAS = 1e-2, -3.0  # an untrained network changes little


class DarkPhotoCNN(nn.Module):
    """Restore (B, 3, H, W) in [0, 1]; H and W must be multiples of 2 ** levels. Four levels make 16 convolutions.

    Args:
        widths: channels of each level, finest first; the finest works at half the resolution of the picture.
    """

    def __init__(self, widths: Sequence[int] = (48, 64, 96, 128)) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.head = _convolution(12, widths[0])
        self.encoders = nn.ModuleList(_convolution(width, width) for width in widths)
        self.downs = nn.ModuleList(_convolution(fine, coarse, stride=2) for fine, coarse in pairwise(widths))
        self.body = _convolution(widths[-1], widths[-1])
        self.whole = nn.Sequential(nn.Linear(widths[-1], widths[-1]), nn.ReLU(), nn.Linear(widths[-1], widths[-1]))
        self.ups = nn.ModuleList(_convolution(coarse, 4 * fine) for fine, coarse in pairwise(widths))
        self.decoders = nn.ModuleList(_convolution(width, width) for width in widths[:-1])
        self.tail = _convolution(widths[0], 24)
        nn.init.normal_(self.tail.weight, std=_TAIL_STD)
        nn.init.constant_(self.tail.bias, _TAIL_BIAS)  # type: ignore[arg-type]

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return int(2 ** len(self.widths))

    def forward(self, image: Tensor) -> Tensor:
        """Return the restored picture, moved in float32."""
        return move(image.float(), self.shares(image).float())

    def shares(self, image: Tensor) -> Tensor:
        """Return how the picture has to be moved, (B, 6, H, W); see `move`."""
        x = functional.relu(self.head(functional.pixel_unshuffle(image, 2)))
        skips: list[Tensor] = []
        for encoder, down in zip(self.encoders[:-1], self.downs, strict=True):
            skips.append(functional.relu(encoder(x)))
            x = functional.relu(down(skips[-1]))
        x = functional.relu(self.encoders[-1](x))
        whole: Tensor = self.whole(x.mean(dim=(2, 3)))
        x = functional.relu(self.body(x) + whole[..., None, None])
        for up, decoder in zip(reversed(self.ups), reversed(self.decoders), strict=True):
            x = functional.relu(functional.pixel_shuffle(up(x), 2) + skips.pop())
            x = functional.relu(decoder(x))
        return functional.pixel_shuffle(self.tail(x), 2)


def move(image: Tensor, shares: Tensor) -> Tensor:
    """Return a picture of which every sample gains a share of what is missing to white and loses a share of itself.

    Args:
        image: (B, 3, H, W), range [0, 1].
        shares: (B, 6, H, W), logits of what is gained, then of what is lost.
    """
    gained, lost = shares.sigmoid().chunk(2, dim=1)
    return image + gained * (1 - image) - lost * image


def _convolution(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Conv2d:
    layer = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # torch's own start fades out over 16 layers
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


class DarkPhotoRestorer(NetworkRestorer):
    """Move the picture in float32, so that low precision touches the shares alone."""

    network: DarkPhotoCNN

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        batch = image.to(self.dtype).contiguous(memory_format=torch.channels_last)
        return move(image, self.network.shares(batch).float())


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> DarkPhotoRestorer:
    """Build the network from its manifest entry."""
    network = DarkPhotoCNN(**config)  # type: ignore[arg-type]
    load_network(network, load_state(weights["net"]), model="the dark-photo network")
    multiple = network.size_multiple
    contract = Contract(
        size_multiple=multiple,
        size_minimum=multiple,
        tiling="discouraged",  # it looks at the mean of the whole picture
        overlap_px=8 * multiple,
        border_px=multiple,
        cpu_tile_px=1024,
        cpu_whole_px=1440,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        activation_bytes_per_pixel=4.0 * network.widths[0] * 2,
    )
    return DarkPhotoRestorer(network, contract)
