"""A convolutional autoencoder, as small projects build it, and the same one with the three changes that mend it.

Through its bottleneck, a 32nd of the picture's side, detail cannot pass: the plain form draws the whole picture anew
from a summary and blurs it. The mended form only has to find the noise (residual learning), sees every level of the
encoder again on the way up (skip connections), and keeps a narrow path at full resolution, which the plain form lacks.

Reference:
    Vincent et al., Stacked Denoising Autoencoders, 2010, JMLR 11 (learning to undo noise);
    Mao et al., Image Restoration Using Convolutional Auto-encoders with Symmetric Skip Connections, 2016,
    arXiv:1606.08921 (the skips); Zhang et al., Beyond a Gaussian Denoiser, 2017, arXiv:1608.03981 (the residual).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.models.shared.contract import Contract, Restorer
from restoration.models.shared.residual import Remover
from restoration.models.shared.restorers import NetworkRestorer
from restoration.models.shared.state import load_networks
from restoration.types import Parameters

_WIDTHS = (32, 64, 128, 256)


class Autoencoder(nn.Module):
    """Draw a picture from its summary: (B, 3, H, W) -> the same, H and W multiples of 2 ** (levels + 1).

    Args:
        widths: channels after each of the strided convolutions; the transposed ones mirror them.
    """

    def __init__(self, widths: Sequence[int] = _WIDTHS) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.encoders = _strided((3, *widths))
        self.decoders = _transposed((*reversed(widths), 3))

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return int(2 ** (len(self.widths) + 1))

    def forward(self, image: Tensor) -> Tensor:
        x = image
        for encoder in self.encoders:
            x = functional.relu(encoder(x))
        x = functional.interpolate(functional.max_pool2d(x, 2), scale_factor=2, mode="nearest")
        for decoder in self.decoders[:-1]:
            x = functional.relu(decoder(x))
        return torch.sigmoid(self.decoders[-1](x))


class SkipAutoencoder(nn.Module):
    """Find the noise of (B, 3, H, W), H and W multiples of 2 ** (levels + 1), without being told its level.

    Args:
        widths: as in `Autoencoder`.
        fine: channels at full resolution.
    """

    def __init__(self, widths: Sequence[int] = _WIDTHS, fine: int = 16) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.head = nn.Conv2d(3, fine, 3, padding=1)
        self.encoders = _strided((fine, *widths))
        self.decoders = _transposed((*reversed(widths), fine))
        self.mix = nn.Conv2d(fine, fine, 3, padding=1)
        self.tail = nn.Conv2d(fine, 3, 3, padding=1)
        self.tail.weight.data.zero_()  # it begins as the picture itself
        self.tail.bias.data.zero_()  # type: ignore[union-attr]

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return int(2 ** (len(self.widths) + 1))

    def forward(self, damaged: Tensor, told: Tensor) -> Tensor:
        """Return the noise to subtract, (B, 3, H, W); what it is told is not used."""
        x = functional.relu(self.head(damaged))
        skips = [x]
        for encoder in self.encoders:
            x = functional.relu(encoder(x))
            skips.append(x)
        x = functional.interpolate(functional.max_pool2d(x, 2), scale_factor=2, mode="nearest")
        for decoder in self.decoders:
            x = functional.relu(decoder(x + skips.pop()))
        noise: Tensor = self.tail(functional.relu(self.mix(x + skips.pop())))
        return noise


def _strided(widths: Sequence[int]) -> nn.ModuleList:
    return nn.ModuleList(nn.Conv2d(fine, coarse, 3, stride=2, padding=1) for fine, coarse in pairwise(widths))


def _transposed(widths: Sequence[int]) -> nn.ModuleList:
    return nn.ModuleList(nn.ConvTranspose2d(coarse, fine, 4, stride=2, padding=1) for coarse, fine in pairwise(widths))


class _BlindRemover(Remover):
    """Subtract what the network finds without being told anything."""

    def look(self, image: Tensor, parameters: Sequence[Parameters]) -> tuple[Tensor, Tensor]:
        return image, torch.zeros((len(image), 1, 1, 1), device=image.device)


TINY = {"widths": [4, 4, 4, 4]}


def networks(config: Mapping[str, object], parameters: Parameters) -> dict[str, Autoencoder | SkipAutoencoder]:
    """Return the network of the form asked for, "mended" or "plain", which is the role of its weights."""
    form = str(parameters["form"])
    kind = Autoencoder if form == "plain" else SkipAutoencoder
    return {form: kind(**config)}  # type: ignore[arg-type]


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> Restorer:
    """Build the form asked for."""
    (network,) = load_networks(networks(config, parameters), weights, model="the autoencoder").values()
    contract = Contract(
        size_multiple=network.size_multiple,
        size_minimum=network.size_multiple,
        tiling="discouraged",  # what a pixel becomes depends on its place in a grid of 32 px
        overlap_px=2 * network.size_multiple,
        border_px=8,
        cpu_tile_px=832,
        cpu_whole_px=1024,
        tile_align_px=network.size_multiple,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        activation_bytes_per_pixel=4.0 * network.widths[0] * 2,
    )
    return (NetworkRestorer if isinstance(network, Autoencoder) else _BlindRemover)(network, contract)
