"""Real-ESRGAN's large network (RRDBNet) from basicsr.

Reference:
    Wang et al., Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data, 2021,
    arXiv:2107.10833.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from restoration.models._torchvision_compat import provide_functional_tensor
from restoration.models.base import Contract, NetworkRestorer, load_network, load_state
from restoration.types import Parameters

provide_functional_tensor()

from basicsr.archs.rrdbnet_arch import RRDBNet  # noqa: E402 - needs the module above


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> NetworkRestorer:
    """Build the network; the x2 form works on pixels unshuffled by 2, the x1 form by 4."""
    network = RRDBNet(**config)
    load_network(network, load_state(weights["net"], key="params_ema"), model="Real-ESRGAN")
    unshuffle = 4 // network.scale
    contract = Contract(
        scale=network.scale,
        size_multiple=unshuffle,
        size_minimum=4 * unshuffle,
        overlap_px=unshuffle * (15 * len(network.body) + 4),
        cpu_tile_px=288,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        macs_per_pixel=16.7e6 / unshuffle**2,
        activation_bytes_per_pixel=4.0 * 64 * 24 / unshuffle**2,
    )
    return NetworkRestorer(network, contract)
