"""The built-in removers of noise and of JPEG artefacts: one network, two sets of weights.

Reference:
    Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser Prior, 2021, arXiv:2008.13751 (the shape).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from restoration.models.shared.contract import Contract
from restoration.models.shared.residual import Denoiser, JpegRemover
from restoration.models.shared.state import load_networks
from restoration.networks.unet import ResUNet
from restoration.types import Parameters

_JPEG_GRID_PX = 16  # the blocks of colour at half resolution
_GRAY_LEVEL = 0.94
"""Noise that is the same in all colours is told so much weaker. On ten gray photographs of CID22, told 1, 0.97, 0.94 or
0.91 of the level: 30.63, 30.65, 30.65, 30.64 dB at sigma 25; the order is the same at 15 and 50."""


class PhotoDenoiser(Denoiser):
    """The built-in denoiser, with what its weights need for gray pictures.

    Every second view of a gray picture is its negative. On seven gray pictures at sigma 25, eight views, half of them
    negative, gain 0.012 dB over eight turned and mirrored ones; colour pictures lose by it.
    """

    def look(self, image: Tensor, parameters: Sequence[Parameters]) -> tuple[Tensor, Tensor]:
        picture, level = super().look(image, parameters)
        return picture, torch.where(_is_gray(image).reshape(-1, 1, 1, 1), _GRAY_LEVEL * level, level)

    def signs(self, damaged: Tensor, views: int) -> Tensor:
        is_negative = torch.arange(views, device=damaged.device)[:, None] % 2 * _is_gray(damaged)
        return 1.0 - 2.0 * is_negative


def _is_gray(image: Tensor) -> Tensor:
    """Return whether the three colours of a picture are the same everywhere, (B,)."""
    return (image == image[:, :1]).flatten(1).all(dim=1)


TINY = {"widths": [4, 8], "blocks": 1}


def networks(config: Mapping[str, object], parameters: Parameters) -> dict[str, ResUNet]:
    """Return the network; the entry's configuration is its arguments."""
    return {"net": ResUNet(**config)}  # type: ignore[arg-type]


def build_denoiser(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> Denoiser:
    """Build the denoiser from its manifest entry."""
    return PhotoDenoiser(*_load(networks(config, parameters), weights, model="the built-in denoiser"))


def build_jpeg_remover(
    *, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters
) -> JpegRemover:
    """Build the JPEG artefact remover from its manifest entry."""
    network, contract = _load(networks(config, parameters), weights, model="the built-in JPEG repair")
    return JpegRemover(
        network,
        replace(contract, size_multiple=_JPEG_GRID_PX, border_px=_JPEG_GRID_PX, tile_align_px=_JPEG_GRID_PX),
    )


def _load(parts: dict[str, ResUNet], weights: Mapping[str, Path], *, model: str) -> tuple[ResUNet, Contract]:
    network = load_networks(parts, weights, model=model)["net"]
    contract = Contract(
        size_multiple=network.size_multiple,
        size_minimum=network.size_multiple,
        border_px=8,
        cpu_tile_px=832,
        cpu_whole_px=1024,
        overlap_px=network.receptive_radius_px,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        activation_bytes_per_pixel=4.0 * network.width * 6,
    )
    return network, contract
