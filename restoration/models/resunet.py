"""The built-in removers of noise and of JPEG artefacts: one network, two sets of weights.

Reference:
    Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser Prior, 2021, arXiv:2008.13751 (the shape).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from restoration.models.shared.contract import Contract
from restoration.models.shared.residual import Denoiser, JpegRemover, levels_of
from restoration.models.shared.state import load_networks
from restoration.networks.unet import ResUNet
from restoration.types import Parameters

_JPEG_GRID_PX = 16  # the blocks of colour at half resolution
_WHITE_RATIO = 1.07  # 90 % of measurements of white noise give less, 90 % of those of cameras' noise more
_MOST_HIDDEN, _LEVEL_UNHIDDEN, _LEVEL_FALL = 1.2, 15 / 255, 9 / 255
"""Cameras take faint noise out of calm places, where it is measured. On the ten scenes of `bench.noise_match` that may
be fitted to, telling 1, 1.2, 1.4 or 1.7 times what is measured gives 37.82, 38.01, 38.11 and 38.08 dB, but
more costs texture of clean pictures that is taken for noise."""
_GRAY_LEVEL = 0.94
"""Noise that is the same in all colours is told so much weaker. On ten gray photographs of CID22, told 1, 0.97, 0.94 or
0.91 of the level: 30.63, 30.65, 30.65, 30.64 dB at sigma 25; the order is the same at 15 and 50."""


class ToldOrMeasured(nn.Module):
    """Two denoisers: one for white noise or a level that is given, one for other noise, told what was measured.

    The first is told the level (B, 1, ...). The second is told two, (B, 2, ...): that of the noise, and twice that of
    its mean over 2x2 pixels. Where the second is 0, nothing was measured; where it is no more than the first, the noise
    is white.
    """

    def __init__(self, given: ResUNet, measured: ResUNet) -> None:
        super().__init__()
        self.given = given
        self.measured = measured

    def forward(self, damaged: Tensor, told: Tensor) -> Tensor:
        """Return the noise to subtract, (B, 3, H, W)."""
        fine, coarse = (told[:, map_].flatten(1).mean(dim=1) for map_ in (0, 1))
        is_measured = coarse > _WHITE_RATIO * fine
        if not bool(is_measured.any()):
            return self.given(damaged, told[:, :1])
        if bool(is_measured.all()):
            return self.measured(damaged, told)
        noise = torch.empty_like(damaged)
        noise[is_measured] = self.measured(damaged[is_measured], told[is_measured])
        noise[~is_measured] = self.given(damaged[~is_measured], told[~is_measured, :1])
        return noise


class PhotoDenoiser(Denoiser):
    """The built-in denoiser, with what its weights need for gray pictures.

    Where the noise was measured, a parameter `coarse` says twice the deviation of its mean over 2x2 pixels; where its
    level was given instead, that is 0.

    Every second view of a gray picture is its negative. On seven gray pictures at sigma 25, eight views, half of them
    negative, gain 0.012 dB over eight turned and mirrored ones; colour pictures lose by it.
    """

    def look(self, image: Tensor, parameters: Sequence[Parameters]) -> tuple[Tensor, Tensor]:
        picture, level = super().look(image, parameters)
        is_gray = _is_gray(image).reshape(-1, 1, 1, 1)
        if not isinstance(self.network, ToldOrMeasured):
            return picture, torch.where(is_gray, _GRAY_LEVEL * level, level)
        coarse = levels_of(image, parameters, "coarse")
        fine = torch.where(is_gray & (coarse == 0), _GRAY_LEVEL * level, level)
        both = torch.cat([fine, coarse.expand_as(fine)], dim=1)
        return picture, torch.where(coarse > _WHITE_RATIO * fine, both * _hidden(fine), both)

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
    """Return the network, and another one for measured noise where the entry's configuration has `measured`.

    The rest of the configuration is the arguments of both; `measured` holds those in which the second differs.
    """
    shape = {name: value for name, value in config.items() if name != "measured"}
    found = {"net": ResUNet(**shape)}  # type: ignore[arg-type]
    if isinstance(other := config.get("measured"), Mapping):
        found["measured"] = ResUNet(**{**shape, **other})
    return found


def build_denoiser(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> Denoiser:
    """Build the denoiser from its manifest entry."""
    parts = networks(config, parameters)
    network, contract = _load(parts, weights, model="the built-in denoiser")
    measured = parts.get("measured")
    return PhotoDenoiser(network if measured is None else ToldOrMeasured(network, measured), contract)


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
