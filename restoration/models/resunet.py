"""The built-in removers of noise and of JPEG artefacts: one network, two sets of weights.

Reference:
    Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser Prior, 2021, arXiv:2008.13751 (the shape).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from restoration.models.base import Contract, load_network, load_state
from restoration.models.removers import Denoiser, JpegRemover
from restoration.models.unet import ResUNet
from restoration.types import Parameters

_JPEG_GRID_PX = 16  # the blocks of colour at half resolution


def build_denoiser(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> Denoiser:
    """Build the denoiser from its manifest entry."""
    return Denoiser(*_load(config, weights, model="the built-in denoiser"))


def build_jpeg_remover(
    *, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters
) -> JpegRemover:
    """Build the JPEG artefact remover from its manifest entry."""
    network, contract = _load(config, weights, model="the built-in JPEG repair")
    return JpegRemover(
        network,
        replace(contract, size_multiple=_JPEG_GRID_PX, border_px=_JPEG_GRID_PX, tile_align_px=_JPEG_GRID_PX),
    )


def _load(config: Mapping[str, object], weights: Mapping[str, Path], *, model: str) -> tuple[ResUNet, Contract]:
    network = ResUNet(**config)  # type: ignore[arg-type]
    load_network(network, load_state(weights["net"]), model=model)
    contract = Contract(
        size_multiple=network.size_multiple,
        size_minimum=network.size_multiple,
        border_px=8,
        cpu_tile_px=832,
        cpu_whole_px=1024,
        overlap_px=network.receptive_radius_px,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        activation_bytes_per_pixel=4.0 * network.head.out_channels * 6,
    )
    return network, contract
