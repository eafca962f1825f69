"""Real-ESRGAN's small network (SRVGGNetCompact) from realesrgan, with a denoise strength.

Reference:
    Wang et al., Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data, 2021,
    arXiv:2107.10833; Wang et al., Deep Network Interpolation for Continuous Imagery Effect Transition, 2019,
    arXiv:1811.10515 (the strength).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from restoration.models._torchvision_compat import provide_functional_tensor
from restoration.models.base import Contract, NetworkRestorer, interpolate, load_network, load_state
from restoration.types import Parameters

__all__ = ["SRVGGNetCompact", "build", "srvggnet_contract"]

provide_functional_tensor()

from realesrgan.archs.srvgg_arch import SRVGGNetCompact  # noqa: E402 - needs the module above


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> NetworkRestorer:
    """Build the network; `denoise_strength` 1 takes the weights "net", 0 their twin "wdn" that keeps noise."""
    network = SRVGGNetCompact(**config)
    state = load_state(weights["net"], key="params")
    strength = float(parameters.get("denoise_strength", 1.0))
    if "wdn" in weights:
        state = interpolate(state, load_state(weights["wdn"], key="params"), share=strength)
    load_network(network, state, model="Real-ESRGAN")
    return NetworkRestorer(network, srvggnet_contract(network))


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
        activation_bytes_per_pixel=4.0 * (4 * network.num_feat + 9 * network.upscale**2),
    )
