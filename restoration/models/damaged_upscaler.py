"""Super-resolution of damaged pictures: half of strong noise goes first, then a network cleans and enlarges, then edges
get steeper and colours are brought back to those of the input.

Reference:
    Irani & Peleg, Improving Resolution by Image Registration, 1991 (back-projection, here of colours).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.models.base import Contract, NetworkRestorer, interpolate, load_network, load_state
from restoration.models.cleaning_upscaler import CleaningUpscaler
from restoration.models.edsr import edsr_contract, upsample_skip
from restoration.models.smoothing import gaussian_smooth
from restoration.models.unet import ResUNet
from restoration.models.views import counts_of, mean_of_views, turned_back, view_of
from restoration.types import Parameters

_CLEANED = 0.5
"""How much of the noise goes first; fur and skin would go with more. The network removes the rest."""
_LEAST_NOISE = 6 / 255
"""Less is left to the network. It takes noise as strong as that of some photographs of RealSRSet for texture."""
_COLOURS_PX = 3.0  # deviation of the Gaussian that colours are compared after, in pixels of the input
_OVERLAP_PX = 72
_CRISPNESS, _CRISP_PX = 0.5, 1.0
"""More makes halos visible. The gradients of 25 real pictures are 1.00 of the teacher's, and 0.95 without, as the mean
of eight views is softer than one."""


class DamagedUpscaler(NetworkRestorer):
    """Enlarge a picture whose noise has the deviation `sigma`, in [0, 1] units.

    The answer, shrunk back, has the colours of the cleaned input.

    Args:
        upscaler: finds what bilinear upsampling lacks.
        denoiser: finds the noise of a picture, told its deviation.
        crispness: amount of unsharp masking.
    """

    def __init__(self, upscaler: nn.Module, denoiser: nn.Module, contract: Contract, *, crispness: float = 0.0) -> None:
        super().__init__(nn.ModuleDict({"upscaler": upscaler, "denoiser": denoiser}), contract)
        self.upscaler, self.denoiser, self.crispness = upscaler, denoiser, crispness

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        sigma = image.new_tensor([float(each.get("sigma", 0.0)) for each in parameters]).reshape(-1, 1, 1, 1)
        clean = self._cleaned(image, sigma)

        def detail(places: list[int], view: int) -> Tensor:
            seen = view_of(clean[places], view).to(self.dtype).contiguous(memory_format=torch.channels_last)
            return turned_back(self.upscaler(seen).float(), view)

        answer = upsample_skip(clean, self.contract.scale) + mean_of_views(detail, counts_of(parameters))
        if self.crispness:
            answer = crisper(answer, self.crispness)
        return with_colours_of(clean, answer)

    def _cleaned(self, image: Tensor, sigma: Tensor) -> Tensor:
        noisy = sigma.flatten() >= _LEAST_NOISE
        if not bool(noisy.any()):
            return image
        seen = image[noisy].to(self.dtype).contiguous(memory_format=torch.channels_last)
        clean = image.clone()
        clean[noisy] -= _CLEANED * self.denoiser(seen, sigma[noisy].to(self.dtype)).float()
        return clean


def crisper(answer: Tensor, amount: float) -> Tensor:
    """Return (B, C, H, W) after unsharp masking that makes edges steeper, but nothing brighter or darker than around.

    So no rims of light run along dark lines.
    """
    crisp = answer + amount * (answer - gaussian_smooth(answer, _CRISP_PX))
    around = functional.pad(answer, [2] * 4, mode="replicate")
    return crisp.maximum(-_brightest(-around)).minimum(_brightest(around))


def _brightest(picture: Tensor) -> Tensor:
    """Return the largest values of 5x5 windows; in a small part of the time of torch's pooling on a CPU."""
    for dim in (2, 3):
        length = picture.shape[dim]
        pairs = torch.maximum(picture.narrow(dim, 0, length - 1), picture.narrow(dim, 1, length - 1))
        fours = torch.maximum(pairs.narrow(dim, 0, length - 3), pairs.narrow(dim, 2, length - 3))
        picture = torch.maximum(fours.narrow(dim, 0, length - 4), picture.narrow(dim, 4, length - 4))
    return picture


def with_colours_of(shown: Tensor, answer: Tensor) -> Tensor:
    """Return an enlarged answer whose colours, after a wide Gaussian, are those of what is shown, (B, C, H, W)."""
    shrunk = functional.interpolate(answer, size=shown.shape[2:], mode="bicubic", antialias=True)
    missing = gaussian_smooth(shown - shrunk, _COLOURS_PX)
    return answer + functional.interpolate(missing, size=answer.shape[2:], mode="bicubic")


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> DamagedUpscaler:
    """Build the upscaler from its files.

    Its weights have the roles "x<scale>-sharp" and "x<scale>" (faithful), which holds what differs from the former;
    `sharpness` leads from the latter (0) to the former (1). "denoiser" is that of the built-in denoiser. The
    configuration has a table for each of the two networks.

    Raises:
        WeightsUnavailable: a file holds something else.
    """
    scale, sharpness = int(parameters["scale"]), float(parameters["sharpness"])
    upscaler = CleaningUpscaler(scale, **config.get("upscaler", {}))  # type: ignore[arg-type]
    denoiser = ResUNet(**config.get("denoiser", {}))  # type: ignore[arg-type]
    name = "the built-in upscaler for damaged pictures"
    sharp = load_state(weights[f"x{scale}-sharp"])
    faithful = {**sharp, **load_state(weights[f"x{scale}"])}
    load_network(upscaler, interpolate(sharp, faithful, share=sharpness), model=name)
    load_network(denoiser, load_state(weights["denoiser"]), model=name)
    contract = replace(
        edsr_contract(upscaler.upscaler),
        overlap_px=_OVERLAP_PX,
        size_multiple=denoiser.size_multiple,
        size_minimum=denoiser.size_multiple,
        border_px=8,
        cpu_tile_px=384,
    )
    return DamagedUpscaler(upscaler, denoiser, contract, crispness=_CRISPNESS * sharpness)
