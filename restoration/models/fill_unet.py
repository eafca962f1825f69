"""The built-in inpainting; see `networks.fill_unet` and `models.shared.fill`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from restoration.models.shared.contract import Contract
from restoration.models.shared.fill import FillRestorer
from restoration.models.shared.state import load_network, load_state
from restoration.networks.fill_unet import FillUNet
from restoration.types import Parameters


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> FillRestorer:
    """Build the inpainting network from its manifest entry."""
    network = FillUNet(**config)  # type: ignore[arg-type]
    load_network(network, load_state(weights["net"]), model="the built-in inpainting")
    contract = Contract(
        tiling="internal",
        is_iterative=True,
        needs_mask=True,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
    )
    return FillRestorer(network, contract)
