"""IRCNN as a denoiser; see `networks.ircnn`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from restoration.models.shared.contract import Contract
from restoration.models.shared.residual import Denoiser
from restoration.models.shared.state import load_networks
from restoration.networks.ircnn import IRCNNBank
from restoration.types import Parameters

TINY = {"width": 4}


def networks(config: Mapping[str, object], parameters: Parameters) -> dict[str, IRCNNBank]:
    """Return the bank of networks for the levels of noise; the entry's configuration is its arguments."""
    return {"net": IRCNNBank(**config)}  # type: ignore[arg-type]


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> Denoiser:
    """Build the denoiser from its manifest entry."""
    network = load_networks(networks(config, parameters), weights, model="IRCNN")["net"]
    contract = Contract(
        overlap_px=network.receptive_radius_px,
        border_px=8,
        cpu_tile_px=512,
        cpu_whole_px=640,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        activation_bytes_per_pixel=4.0 * network.width * 3,
    )
    return Denoiser(network, contract)
