"""SCI: brightens a dark photograph by dividing it by the light that a very small network sees in it.

Only what the published networks keep after their training is here; the calibration of the training is not.

Reference:
    Ma et al., Toward Fast, Flexible, and Robust Low-Light Image Enhancement, 2022, arXiv:2204.10137.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from restoration.models.shared.contract import Contract
from restoration.models.shared.restorers import NetworkRestorer
from restoration.models.shared.state import load_network, load_state
from restoration.types import Parameters

_KEPT, _TRAINING_ONLY = "enhance.", "calibrate."
_LAYERS = 3
"""3x3 convolutions one after the other, so that many pixels to each side count."""
_LEAST_LIGHT = 1e-4


class IlluminationNetwork(nn.Module):
    """Divide (B, 3, H, W) of any size by its light.

    The names of the parameters are those of the published files below "enhance."

    Args:
        channels: between the layers.
    """

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.channels = channels
        self.in_conv = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), nn.ReLU(inplace=True))
        self.conv = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        )
        self.blocks = nn.ModuleList([self.conv])  # the published files hold it under both names
        self.out_conv = nn.Sequential(nn.Conv2d(channels, 3, 3, padding=1), nn.Sigmoid())

    def forward(self, dark: Tensor) -> Tensor:
        """Return the picture as if well lit, (B, 3, H, W), range [0, 1].

        Args:
            dark: (B, 3, H, W), range [0, 1].
        """
        x = self.in_conv(dark)
        x = x + self.conv(x)
        light = (dark + self.out_conv(x)).clamp(_LEAST_LIGHT, 1)
        return (dark / light).clamp(0, 1)


def networks(config: Mapping[str, object], parameters: Parameters) -> dict[str, IlluminationNetwork]:
    """Return the network, of which the published files also hold a part that only the training needs."""
    return {"net": IlluminationNetwork(**config)}  # type: ignore[arg-type]


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> NetworkRestorer:
    """Build the network from a published file ("net"), which also holds the calibration of the training.

    Raises:
        WeightsUnavailable: the file holds something else.

    Reference:
        Ma et al., Toward Fast, Flexible, and Robust Low-Light Image Enhancement, 2022, arXiv:2204.10137.
    """
    network = networks(config, parameters)["net"]
    state = load_state(weights["net"])
    kept = {name.removeprefix(_KEPT): state[name] for name in state if not name.startswith(_TRAINING_ONLY)}
    load_network(network, kept, model="SCI")
    contract = Contract(
        overlap_px=_LAYERS,
        border_px=_LAYERS,
        cpu_tile_px=1024,
        cpu_whole_px=2048,
        dtypes=(torch.float32,),  # so little work that a lower precision would bring nothing but errors
        activation_bytes_per_pixel=4.0 * (4 * network.channels + 12),
    )
    return NetworkRestorer(network, contract)
