"""What SRVGGNetCompact needs of the engine."""

from __future__ import annotations

import torch

from restoration.models.shared.contract import Contract
from restoration.networks.srvggnet import SRVGGNetCompact


def srvggnet_contract(network: SRVGGNetCompact) -> Contract:
    """Return what the network needs."""
    return Contract(
        scale=network.upscale,
        size_minimum=4,
        overlap_px=network.num_conv + 2,
        border_px=4,
        cpu_tile_px=288,
        cpu_whole_px=512,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        activation_bytes_per_pixel=4.0 * (4 * max(network.widths) + 9 * network.upscale**2),
    )
