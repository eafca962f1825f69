"""The built-in inpainting; see `networks.fill_unet` and `models.shared.fill`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from restoration.models.shared.contract import Contract
from restoration.models.shared.fill import FillRestorer
from restoration.models.shared.state import load_networks
from restoration.networks.fill_unet import FillUNet
from restoration.types import Parameters

TINY = {"widths": [4, 6], "blocks": [1], "dilations": [1]}


def networks(config: Mapping[str, object], parameters: Parameters) -> dict[str, FillUNet]:
    """Return the network; the entry's configuration is its arguments."""
    return {"net": FillUNet(**config)}  # type: ignore[arg-type]


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> FillRestorer:
    """Build the inpainting network from its manifest entry."""
    network = load_networks(networks(config, parameters), weights, model="the built-in inpainting")["net"]
    contract = Contract(
        tiling="internal",
        is_iterative=True,
        needs_mask=True,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
    )
    return FillRestorer(network, contract)
