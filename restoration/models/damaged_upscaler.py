"""Super-resolution of damaged pictures: of strong noise half goes first, then a small Real-ESRGAN network cleans and
enlarges, then colours are brought back to those of the input.

Reference:
    Wang et al., Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data, 2021,
    arXiv:2107.10833; Irani & Peleg, Improving Resolution by Image Registration, 1991 (back-projection, here of
    colours).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.algorithms.gaussian import gaussian_smooth
from restoration.models.shared.contract import Contract
from restoration.models.shared.restorers import NetworkRestorer
from restoration.models.shared.srvggnet import srvggnet_contract
from restoration.models.shared.state import load_between, load_network, load_state
from restoration.networks.srvggnet import SRVGGNetCompact, shrunk_tail
from restoration.networks.unet import ResUNet
from restoration.types import Parameters

_CLEANED = 0.5
"""How much of strong noise goes first; fur and skin would go with more. The network removes the rest."""
_WEAK_NOISE, _STRONG_NOISE = 4 / 255, 8 / 255
"""Weaker noise is left to the network, which removes it; stronger noise it takes for texture and draws."""
_COLOURS_PX = 4.0
"""Deviation of the Gaussian that colours are compared after, in pixels of the input. A narrower one takes contrast from
what is drawn on a ground, a wider one gives the input back less well."""
_DETAIL = 0.1
"""How much of the detail of clean pictures is brought back, too. From damaged ones blocks and grain would come with it,
and darks would lose depth: 0.15 of it in all pictures, with a narrower network, was judged not worse than the teacher
of the network on 15 of 25 real pictures instead of 20."""
_CLEAN_NOISE, _VISIBLE_NOISE = 1 / 255, 3 / 255
_VISIBLE_QUALITY, _CLEAN_QUALITY = 80, 90
"""Between these a picture is clean in part."""
_TRAINED_SCALE = 4
_OVERLAP_PX = 72
"""What lies further away moves the answer by less than 1e-5 (a test looks); the engine takes less and blends."""
_BYTES_PER_PIXEL = 3200.0
"""Of the input, at the peak: what comes after the network is computed in float32 whatever the precision, and what the
engine plans with is halved for others than float32."""


class DamagedUpscaler(NetworkRestorer):
    """Enlarge a picture whose noise has the deviation `sigma`, in [0, 1] units, saved as JPEG of `quality`.

    The answer, shrunk back, has nearly the colours of the cleaned input; of a clean one some of its detail, too.

    Args:
        upscaler: enlarges.
        denoiser: finds the noise of a picture, told its deviation.
    """

    def __init__(self, upscaler: nn.Module, denoiser: nn.Module, contract: Contract) -> None:
        super().__init__(nn.ModuleDict({"upscaler": upscaler, "denoiser": denoiser}), contract)
        self.upscaler, self.denoiser = upscaler, denoiser

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        sigma = image.new_tensor([float(each.get("sigma", 0.0)) for each in parameters]).reshape(-1, 1, 1, 1)
        clean = self._cleaned(image, sigma)
        seen = clean.to(self.dtype).contiguous(memory_format=torch.channels_last)
        answer = self.upscaler(seen).float()
        quality = image.new_tensor([float(each.get("quality", 0.0)) for each in parameters]).reshape(-1, 1, 1, 1)
        return with_colours_of(clean, answer, detail=_DETAIL * _soundness(sigma, quality))

    def _cleaned(self, image: Tensor, sigma: Tensor) -> Tensor:
        share = _CLEANED * ((sigma - _WEAK_NOISE) / (_STRONG_NOISE - _WEAK_NOISE)).clamp(0, 1)
        noisy = share.flatten() > 0
        if not bool(noisy.any()):
            return image
        seen = image[noisy].to(self.dtype).contiguous(memory_format=torch.channels_last)
        clean = image.clone()
        clean[noisy] -= share[noisy] * self.denoiser(seen, sigma[noisy].to(self.dtype)).float()
        return clean


def _soundness(sigma: Tensor, quality: Tensor) -> Tensor:
    """Return 1 for pictures with neither noise nor JPEG artefacts, 0 for those where one of them is to be seen."""
    noise = (_VISIBLE_NOISE - sigma) / (_VISIBLE_NOISE - _CLEAN_NOISE)
    compression = (quality - _VISIBLE_QUALITY) / (_CLEAN_QUALITY - _VISIBLE_QUALITY)
    return noise.clamp(0, 1) * compression.clamp(0, 1)


def with_colours_of(shown: Tensor, answer: Tensor, *, detail: Tensor | float = 0.0) -> Tensor:
    """Return an enlarged answer, its colours moved by what they lack of those shown, after a wide Gaussian.

    Args:
        shown: (B, C, H, W).
        answer: (B, C, scale*H, scale*W), the shape of what is returned.
        detail: how much is added of what the Gaussian takes away, one number or (B, 1, 1, 1).
    """
    shrunk = functional.interpolate(answer, size=shown.shape[2:], mode="bicubic", antialias=True)
    lacking = shown - shrunk
    missing = gaussian_smooth(lacking, _COLOURS_PX)
    missing = missing + detail * (lacking - missing)
    return answer + functional.interpolate(missing, size=answer.shape[2:], mode="bicubic")


TINY = {"upscaler": {"num_feat": 4, "num_conv": 2}, "denoiser": {"widths": [4, 8], "blocks": 1}}


def networks(config: Mapping[str, object], parameters: Parameters) -> dict[str, nn.Module]:
    """Return the upscaler, which takes the weights "x4" or their sharper twin, and the built-in denoiser.

    The configuration has a table for each of the two.
    """
    upscaler = _upscaler(config, _TRAINED_SCALE)
    denoiser = ResUNet(**config.get("denoiser", {}))  # type: ignore[arg-type]
    return {f"x{_TRAINED_SCALE}": upscaler, f"x{_TRAINED_SCALE}-sharp": upscaler, "denoiser": denoiser}


def _upscaler(config: Mapping[str, object], scale: int) -> SRVGGNetCompact:
    return SRVGGNetCompact(upscale=scale, **config.get("upscaler", {}))  # type: ignore[arg-type]


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> DamagedUpscaler:
    """Build the upscaler from its files.

    `sharpness` leads from the weights "x4" (0, faithful) to "x4-sharp" (1). The network for another scale gives the
    means of the pixels of what these give.

    Raises:
        WeightsUnavailable: a file holds something else.
    """
    scale, sharpness = int(parameters["scale"]), float(parameters["sharpness"])
    upscaler, denoiser = _upscaler(config, scale), networks(config, parameters)["denoiser"]
    assert isinstance(denoiser, ResUNet)
    name = "the built-in upscaler for damaged pictures"
    state = load_between(weights, f"x{_TRAINED_SCALE}", share=sharpness)
    load_network(upscaler, shrunk_tail(state, factor=_TRAINED_SCALE // scale), model=name)
    load_network(denoiser, load_state(weights["denoiser"]), model=name)
    contract = replace(
        srvggnet_contract(upscaler),
        overlap_px=_OVERLAP_PX,
        size_multiple=denoiser.size_multiple,
        size_minimum=denoiser.size_multiple,
        border_px=8,
        cpu_tile_px=384,
        activation_bytes_per_pixel=_BYTES_PER_PIXEL,
    )
    return DamagedUpscaler(upscaler, denoiser, contract)
