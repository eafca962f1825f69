"""Zero-DCE: brightens a dark photograph by curves that a small network draws for every pixel.

Reference:
    Guo et al., Zero-Reference Deep Curve Estimation for Low-Light Image Enhancement, 2020, arXiv:2001.06826.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from restoration.models.shared.contract import Contract
from restoration.models.shared.restorers import NetworkRestorer
from restoration.models.shared.state import load_networks
from restoration.types import Parameters

_LAYERS = 7
"""3x3 convolutions one after the other, so that many pixels to each side count."""


class CurveNetwork(nn.Module):
    """Draw the curves for (B, 3, H, W) of any size; the second half of the layers also sees the first half's answers.

    The names of the parameters are those of the published files.

    Args:
        width: channels between the layers.
        iterations: curves per pixel and colour.
    """

    def __init__(self, width: int = 32, *, iterations: int = 8) -> None:
        super().__init__()
        self.width = width
        self.e_conv1 = nn.Conv2d(3, width, 3, padding=1)
        self.e_conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.e_conv3 = nn.Conv2d(width, width, 3, padding=1)
        self.e_conv4 = nn.Conv2d(width, width, 3, padding=1)
        self.e_conv5 = nn.Conv2d(2 * width, width, 3, padding=1)
        self.e_conv6 = nn.Conv2d(2 * width, width, 3, padding=1)
        self.e_conv7 = nn.Conv2d(2 * width, 3 * iterations, 3, padding=1)

    def forward(self, dark: Tensor) -> Tensor:
        """Return the steepness of the curves, (B, 3 * iterations, H, W), range [-1, 1].

        Args:
            dark: (B, 3, H, W), range [0, 1].
        """
        first = self.e_conv1(dark).relu_()
        second = self.e_conv2(first).relu_()
        third = self.e_conv3(second).relu_()
        x = self.e_conv4(third).relu_()
        for layer, earlier in ((self.e_conv5, third), (self.e_conv6, second)):
            x = layer(torch.cat([earlier, x], dim=1)).relu_()
        return self.e_conv7(torch.cat([first, x], dim=1)).tanh_()


def apply_curves(image: Tensor, curves: Tensor) -> Tensor:
    """Return the picture after all its curves, x + a * (x * x - x) each: they keep [0, 1], and brighten where a < 0.

    Args:
        image: (B, 3, H, W), range [0, 1].
        curves: (B, 3 * iterations, H, W), range [-1, 1].
    """
    for curve in curves.chunk(curves.shape[1] // 3, dim=1):
        image = image + curve * (image * image - image)
    return image


class CurveRestorer(NetworkRestorer):
    """Brighten by the network's curves, which are applied in float32: low precision touches only the curves."""

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        return apply_curves(image, super().restore(image, parameters=parameters, mask=mask))


TINY = {"width": 4}


def networks(config: Mapping[str, object], parameters: Parameters) -> dict[str, CurveNetwork]:
    """Return the network; the entry's configuration is its arguments."""
    return {"net": CurveNetwork(**config)}  # type: ignore[arg-type]


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> CurveRestorer:
    """Build the network from a published file ("net"), which holds the state dict itself.

    Raises:
        WeightsUnavailable: the file holds something else.

    Reference:
        Guo et al., Zero-Reference Deep Curve Estimation for Low-Light Image Enhancement, 2020, arXiv:2001.06826.
    """
    network = load_networks(networks(config, parameters), weights, model="Zero-DCE")["net"]
    contract = Contract(
        overlap_px=_LAYERS,
        border_px=_LAYERS,
        cpu_tile_px=832,
        cpu_whole_px=1024,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        activation_bytes_per_pixel=4.0 * 10 * network.width,
    )
    return CurveRestorer(network, contract)
