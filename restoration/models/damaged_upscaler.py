"""Super-resolution of damaged pictures: half of the noise goes first, then an EDSR enlarges, then the answer is brought
back to what the input shows.

Reference:
    Irani & Peleg, Improving Resolution by Image Registration, 1991 (back-projection).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.models.base import Contract, NetworkRestorer, load_between, load_network, load_state
from restoration.models.edsr import EDSR, edsr_contract, upsample_skip
from restoration.models.unet import ResUNet
from restoration.types import Parameters

_CLEANED = 0.5
"""How much of the noise goes first. Fur and skin would go with more; the upscaler itself removes the rest. On 20
pictures with the damage of the web, 0, 0.5, 0.75 and 1 give 23.19, 23.27, 23.28, 23.27 dB; HaarPSI 0.401, 0.394, 0.389,
0.385, which takes what noise is left for texture."""
_LEAST_NOISE = 1 / 255  # less is left to the upscaler
_SHAPES_PX, _COLOURS_PX = 1.0, 3.0  # deviations of the Gaussians that the two are agreed upon after
_UNSEEN = 1.5 / 255
_SMOOTHED_NOISE = 3 / (2 * math.sqrt(math.pi) * _SHAPES_PX)  # three deviations of white noise after that Gaussian
_OVERLAP_PX = 72
"""What lies farther away could have a say, up to 129 px, but changes the answer by less than 1e-5 even at sigma 50."""
_CRISPNESS, _CRISP_PX = 0.4, 1.0
"""The gradients of the sharp end are 0.89 of its teacher's on real pictures; with so much unsharp masking 0.98, and the
answer is 0.1 dB farther from the teacher's."""


class DamagedUpscaler(NetworkRestorer):
    """Enlarge a picture whose noise has the deviation `sigma`, in [0, 1] units.

    What the answer, shrunk back, lacks of the cleaned input is added: colours everywhere, shapes where they stand out
    from the noise that is left.

    Args:
        crispness: amount of unsharp masking.
    """

    def __init__(self, upscaler: EDSR, denoiser: nn.Module, contract: Contract, *, crispness: float = 0.0) -> None:
        super().__init__(nn.ModuleDict({"upscaler": upscaler, "denoiser": denoiser}), contract)
        self.upscaler, self.denoiser, self.crispness = upscaler, denoiser, crispness

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        sigma = image.new_tensor([float(each.get("sigma", 0.0)) for each in parameters]).reshape(-1, 1, 1, 1)
        clean = self._cleaned(image, sigma)
        detail = self.upscaler(clean.to(self.dtype).contiguous(memory_format=torch.channels_last))
        answer = upsample_skip(clean, self.contract.scale) + detail.float()
        if self.crispness:
            answer = answer + self.crispness * (answer - gaussian_smooth(answer, _CRISP_PX))
        shrunk = functional.interpolate(answer, size=image.shape[2:], mode="bicubic", antialias=True)
        missing = _visible(clean - shrunk, (1 - _CLEANED) * sigma)
        return answer + functional.interpolate(missing, scale_factor=self.contract.scale, mode="bicubic")

    def _cleaned(self, image: Tensor, sigma: Tensor) -> Tensor:
        noisy = sigma.flatten() >= _LEAST_NOISE
        if not bool(noisy.any()):
            return image
        seen = image[noisy].to(self.dtype).contiguous(memory_format=torch.channels_last)
        clean = image.clone()
        clean[noisy] -= _CLEANED * self.denoiser(seen, sigma[noisy].to(self.dtype)).float()
        return clean


def _visible(difference: Tensor, sigma: Tensor) -> Tensor:
    """Return what a difference (B, 3, H, W) holds but for noise of the deviations (B, 1, 1, 1)."""
    colours = gaussian_smooth(difference, _COLOURS_PX)
    shapes = gaussian_smooth(difference, _SHAPES_PX) - colours
    least = _UNSEEN + _SMOOTHED_NOISE * sigma
    return colours + shapes.sign() * (shapes.abs() - least).clamp(min=0)


def gaussian_smooth(image: Tensor, deviation_px: float) -> Tensor:
    """Smooth every channel of (B, C, H, W) by a Gaussian of three deviations' reach; borders are continued evenly."""
    reach = _reach(deviation_px)
    axis = torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device)
    weights = (-0.5 * (axis / deviation_px) ** 2).exp()
    weights = (weights / weights.sum()).expand(image.shape[1], 1, 1, -1)
    padded = functional.pad(image, [reach] * 4, mode="replicate")
    across = functional.conv2d(padded, weights, groups=image.shape[1])
    return functional.conv2d(across, weights.transpose(2, 3), groups=image.shape[1])


def _reach(deviation_px: float) -> int:
    return math.ceil(3 * deviation_px)


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> DamagedUpscaler:
    """Build the upscaler from its files.

    Its weights have the roles "x<scale>" (faithful) and "x<scale>-sharp"; `sharpness` leads from the one (0) to the
    other (1). "denoiser" is that of the built-in denoiser. The configuration has a table for each of the two networks.

    Raises:
        WeightsUnavailable: a file holds something else.
    """
    scale, sharpness = int(parameters["scale"]), float(parameters["sharpness"])
    upscaler = EDSR(scale, **config.get("upscaler", {}))  # type: ignore[arg-type]
    denoiser = ResUNet(**config.get("denoiser", {}))  # type: ignore[arg-type]
    name = "the built-in upscaler for damaged pictures"
    load_network(upscaler, load_between(weights, f"x{scale}", share=sharpness), model=name)
    load_network(denoiser, load_state(weights["denoiser"]), model=name)
    contract = replace(
        edsr_contract(upscaler),
        overlap_px=_OVERLAP_PX,
        size_multiple=denoiser.size_multiple,
        size_minimum=denoiser.size_multiple,
        border_px=8,
        cpu_tile_px=384,
    )
    return DamagedUpscaler(upscaler, denoiser, contract, crispness=_CRISPNESS * sharpness)
