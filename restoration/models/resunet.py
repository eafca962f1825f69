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
from restoration.models.shared.residual import Denoiser, JpegRemover, levels_of
from restoration.models.shared.state import load_networks
from restoration.networks.unet import ResUNet
from restoration.types import Parameters

_JPEG_GRID_PX = 16  # the blocks of colour at half resolution
_WHITE_RATIO = 1.07  # 90 % of measurements of white noise give less, 90 % of those of cameras' noise more
_MOST_HIDDEN, _LEVEL_UNHIDDEN, _LEVEL_FALL = 1.2, 15 / 255, 9 / 255
"""Cameras take faint noise out of calm places, where it is measured, and leave more where there is texture. Coarse
noise is therefore told up to so many times stronger, less from the second level down. On 23 crops of cameras (input
34.04 dB) the denoiser reaches 35.98 dB told what is measured and 36.06 told so; 1.4 times costs texture of clean
pictures."""
_GRAY_LEVEL = 0.94
"""Noise that is the same in all colours is told so much weaker. On ten gray photographs of CID22, told 1, 0.97, 0.94 or
0.91 of the level: 30.63, 30.65, 30.65, 30.64 dB at sigma 25; the order is the same at 15 and 50."""


class PhotoDenoiser(Denoiser):
    """The built-in denoiser, with what its weights need for gray pictures, and for noise that cameras have hidden.

    Where the noise was measured, a parameter `coarse` says twice the deviation of its mean over 2x2 pixels; where its
    level was given instead, that is 0.

    Every second view of a gray picture is its negative. On seven gray pictures at sigma 25, eight views, half of them
    negative, gain 0.012 dB over eight turned and mirrored ones; colour pictures lose by it.
    """

    def look(self, image: Tensor, parameters: Sequence[Parameters]) -> tuple[Tensor, Tensor]:
        picture, level = super().look(image, parameters)
        is_coarse = levels_of(image, parameters, "coarse") > _WHITE_RATIO * level
        white = torch.where(_is_gray(image).reshape(-1, 1, 1, 1), _GRAY_LEVEL * level, level)
        return picture, torch.where(is_coarse, level * _hidden(level), white)

    def signs(self, damaged: Tensor, views: int) -> Tensor:
        is_negative = torch.arange(views, device=damaged.device)[:, None] % 2 * _is_gray(damaged)
        return 1.0 - 2.0 * is_negative


def _hidden(level: Tensor) -> Tensor:
    """Return how much more noise there is than is measured, where it is not white: see `_MOST_HIDDEN`."""
    return 1 + (_MOST_HIDDEN - 1) * ((_LEVEL_UNHIDDEN - level) / _LEVEL_FALL).clamp(0, 1)


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
