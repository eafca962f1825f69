"""Real-ESRGAN's small network (SRVGGNetCompact), with a denoise strength.

Reference:
    Wang et al., Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data, 2021,
    arXiv:2107.10833; Wang et al., Deep Network Interpolation for Continuous Imagery Effect Transition, 2019,
    arXiv:1811.10515 (the strength).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from restoration.models.shared.restorers import NetworkRestorer
from restoration.models.shared.srvggnet import srvggnet_contract
from restoration.models.shared.state import interpolate, load_network, load_state
from restoration.networks.srvggnet import SRVGGNetCompact
from restoration.types import Parameters

STATE_KEY = "params"
TINY = {"num_feat": 4, "num_conv": 2}


def networks(config: Mapping[str, object], parameters: Parameters) -> dict[str, SRVGGNetCompact]:
    """Return the network, which takes the weights "net" or their twin "wdn", or what lies between the two."""
    network = SRVGGNetCompact(**config)  # type: ignore[arg-type]
    return {"net": network, "wdn": network}


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> NetworkRestorer:
    """Build the network; `denoise_strength` 1 takes the weights "net", 0 their twin "wdn" that keeps noise."""
    network = networks(config, parameters)["net"]
    state = load_state(weights["net"], key=STATE_KEY)
    strength = float(parameters.get("denoise_strength", 1.0))
    if "wdn" in weights:
        state = interpolate(state, load_state(weights["wdn"], key=STATE_KEY), share=strength)
    load_network(network, state, model="Real-ESRGAN")
    return NetworkRestorer(network, srvggnet_contract(network))
