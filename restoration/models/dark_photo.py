"""A network of 16 convolutions that brightens dark photographs, mends their dots, and leaves bright parts alone.

Dots are found and filled from what is sound around them first; the network is told where they were. (Left to find them
itself, it learned brightness long before dots: those are few pixels, and brightness outweighs them in the loss.)
It works at half the resolution and less, where it can see how bright the surroundings are, and with the mean of its
deepest features over the whole picture, so that shade in a bright photograph is told from a dark photograph. It adds a
correction: rightly exposed parts need none, and stay; whatever it adds, no highlight clips.

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

from restoration.algorithms.gaussian import gaussian_smooth
from restoration.algorithms.impulses import REACH_PX, fill_impulses, find_impulses
from restoration.models.shared.contract import Contract
from restoration.models.shared.restorers import NetworkRestorer
from restoration.models.shared.state import load_networks
from restoration.types import Parameters

_TAIL_STD = 1e-2  # an untrained network changes little
_WHITEST = 254 / 255  # of what was not white before
_BRIGHT_PICTURE, _BRIGHT_PLACE = (0.4, 0.5), (0.5, 0.7)
"""Mean brightness, in [0, 1], from which less light is added, and from which none. On 30 photographs of the training
set dark pictures lose 0.05 dB by it and bright ones gain 4.2 dB; without it the worst bright picture of CBSD68, a
snake on sand of even brightness, loses 5.5 dB."""
_PLACE_CELL_PX, _PLACE_CELLS = 8, 2.0  # deviation of the Gaussian that brightness is looked at after, in cells


class DarkPhotoCNN(nn.Module):
    """Restore (B, 3, H, W) in [0, 1]; H and W must be multiples of 2 ** levels. Four levels make 16 convolutions.

    Args:
        widths: channels of each level, finest first; the finest works at half the resolution of the picture.
    """

    def __init__(self, widths: Sequence[int] = (48, 64, 96, 128)) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.head = _convolution(16, widths[0])
        self.encoders = nn.ModuleList(_convolution(width, width) for width in widths)
        self.downs = nn.ModuleList(_convolution(fine, coarse, stride=2) for fine, coarse in pairwise(widths))
        self.body = _convolution(widths[-1], widths[-1])
        self.whole = nn.Sequential(nn.Linear(widths[-1], widths[-1]), nn.ReLU(), nn.Linear(widths[-1], widths[-1]))
        self.ups = nn.ModuleList(_convolution(coarse, 4 * fine) for fine, coarse in pairwise(widths))
        self.decoders = nn.ModuleList(_convolution(width, width) for width in widths[:-1])
        self.tail = _convolution(widths[0], 12)
        nn.init.normal_(self.tail.weight, std=_TAIL_STD)

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return int(2 ** len(self.widths))

    def forward(self, image: Tensor) -> Tensor:
        """Return the restored picture in float32, not bounded, so that whatever is too bright can be learned from."""
        filled, dots = without_dots(image.float())
        return filled + self.correction(filled.to(image.dtype), dots.to(image.dtype)).float()

    def correction(self, filled: Tensor, dots: Tensor) -> Tensor:
        """Return what has to be added to a picture without dots, (B, 3, H, W).

        Args:
            filled, dots: see `without_dots`.
        """
        x = functional.relu(self.head(functional.pixel_unshuffle(torch.cat([filled, dots], dim=1), 2)))
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


def without_dots(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return a picture, (B, 3, H, W), with its dots filled, and where they were, (B, 1, H, W), 1 in any channel."""
    dots = find_impulses(image)
    return fill_impulses(image, dots), dots.amax(dim=1, keepdim=True)


def sparing_bright(correction: Tensor, filled: Tensor) -> Tensor:
    """Return a correction, (B, 3, H, W), that adds no light where a picture is bright on the whole or in that place.

    Only its coarse part is weakened, and only where that is positive: noise is still removed there.

    Args:
        filled: (B, 3, H, W), range [0, 1]; the picture that is corrected. H and W are multiples of 16.
    """
    light, brightness = (
        functional.avg_pool2d(each.mean(dim=1, keepdim=True), _PLACE_CELL_PX) for each in (correction, filled)
    )
    light, places = gaussian_smooth(light, _PLACE_CELLS), gaussian_smooth(brightness, _PLACE_CELLS)
    wanted = _falling(brightness.mean(dim=(2, 3), keepdim=True), *_BRIGHT_PICTURE) * _falling(places, *_BRIGHT_PLACE)
    too_much = functional.interpolate((1 - wanted) * light.clamp(min=0), size=filled.shape[2:], mode="bilinear")
    return correction - too_much


def _falling(value: Tensor, first: float, last: float) -> Tensor:
    """Return 1 up to the first value, 0 from the last, and a line between."""
    return ((last - value) / (last - first)).clamp(0, 1)


def bounded(restored: Tensor, image: Tensor) -> Tensor:
    """Return a restored picture within [0, 1], in which nothing is white in 8 bits that was not before.

    Args:
        restored, image: (B, 3, H, W); the image in [0, 1].
    """
    return restored.clamp(min=0).minimum(image.clamp(min=_WHITEST))


def _convolution(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Conv2d:
    layer = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # torch's own start fades out over 16 layers
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


class DarkPhotoRestorer(NetworkRestorer):
    """Add the correction in float32, so that low precision touches it alone."""

    network: DarkPhotoCNN

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        filled, dots = without_dots(image)
        batch = filled.to(self.dtype).contiguous(memory_format=torch.channels_last)
        correction = self.network.correction(batch, dots.to(self.dtype)).float()
        return bounded(filled + sparing_bright(correction, filled), filled)


TINY = {"widths": [4, 4, 4, 4]}


def networks(config: Mapping[str, object], parameters: Parameters) -> dict[str, DarkPhotoCNN]:
    """Return the network; the entry's configuration is its arguments."""
    return {"net": DarkPhotoCNN(**config)}  # type: ignore[arg-type]


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> DarkPhotoRestorer:
    """Build the network from its manifest entry."""
    network = load_networks(networks(config, parameters), weights, model="the dark-photo network")["net"]
    multiple = network.size_multiple
    contract = Contract(
        size_multiple=multiple,
        size_minimum=multiple,
        tiling="discouraged",  # it looks at the mean of the whole picture
        overlap_px=8 * multiple + REACH_PX,
        border_px=multiple,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        activation_bytes_per_pixel=4.0 * network.widths[0] * 2,
    )
    return DarkPhotoRestorer(network, contract)
