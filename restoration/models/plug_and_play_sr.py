"""Super-resolution with a known shrinking kernel and a denoiser as the prior: half-quadratic splitting.

Reference:
    Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser Prior, 2021, arXiv:2008.13751 (the schedule);
    Zhao et al., Fast Single Image Super-Resolution Using a New Analytical Solution for l2-l2 Problems, 2016,
    arXiv:1510.00143 (the data step in closed form);
    Keys, Cubic Convolution Interpolation for Digital Image Processing, 1981, doi:10.1109/TASSP.1981.1163711.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from restoration.arrays import FloatArray
from restoration.models.shared.denoiser_prior import DenoiserPrior, denoiser_of, whole_picture
from restoration.models.shared.state import load_networks
from restoration.networks.ircnn import IRCNNBank
from restoration.networks.unet import ResUNet
from restoration.types import Parameters

_FIRST_SIGMA = 49 / 255
_LAST_SIGMA_PER_SCALE = 1 / 255
_LEAST_NOISE = 1 / 255
_PRIOR_WEIGHT = 0.23
_CUBIC = -0.5
_MARGIN_PX = 8


@dataclass(frozen=True)
class Shrinking:
    """Blur a circular picture, then keep every `scale`-th pixel; with its adjoint and its inverse problem.

    Args:
        transfer: (H, W) complex, spectrum of the kernel on the large canvas.
        scale: whole factor that divides H and W.
    """

    transfer: Tensor
    scale: int

    @classmethod
    def of(cls, taps: FloatArray, *, scale: int, height: int, width: int, device: torch.device) -> Shrinking:
        """Place a kernel (k, k') on a canvas that it fits.

        A small pixel stands in the middle of its `scale` x `scale` large ones; there the kernel's middle belongs, so
        that k and `scale` must be both even or both odd.
        """
        canvas = torch.zeros(height, width, device=device)
        rows, columns = taps.shape
        canvas[:rows, :columns] = torch.from_numpy(np.ascontiguousarray(taps[::-1, ::-1])).to(device)
        down, right = (-((side + scale) // 2 - 1) for side in (rows, columns))
        return cls(torch.fft.fft2(torch.roll(canvas, (down, right), dims=(0, 1))), scale)

    def shrink(self, image: Tensor) -> Tensor:
        """Return the small picture of a large one, (B, C, H, W)."""
        blurred = torch.fft.ifft2(torch.fft.fft2(image) * self.transfer).real
        return blurred[..., :: self.scale, :: self.scale]

    def shrink_adjoint(self, small: Tensor) -> Tensor:
        """Return the adjoint of `shrink` of a small picture, (B, C, H / scale, W / scale)."""
        return torch.fft.ifft2(torch.fft.fft2(self._spaced(small)) * self.transfer.conj()).real

    def solve(self, observed: Tensor, prior: Tensor, *, weight: float) -> Tensor:
        """Return the x that minimises |shrink(x) - observed|^2 + weight |x - prior|^2, in closed form."""
        gap = observed - self.shrink(prior)
        power = self._folded(self.transfer.abs().square())
        eased = torch.fft.ifft2(torch.fft.fft2(gap) / (power + weight)).real
        return prior + self.shrink_adjoint(eased)

    def _spaced(self, small: Tensor) -> Tensor:
        """Put zeros between the pixels."""
        large = torch.zeros(*small.shape[:-2], *self.transfer.shape, dtype=small.dtype, device=small.device)
        large[..., :: self.scale, :: self.scale] = small
        return large

    def _folded(self, spectrum: Tensor) -> Tensor:
        """Return the mean over the frequencies that keeping every `scale`-th pixel makes one."""
        height, width = (side // self.scale for side in spectrum.shape)
        return spectrum.reshape(self.scale, height, self.scale, width).mean(dim=(0, 2))


class PlugAndPlayUpscale(DenoiserPrior):
    """Alternate between the large picture that shrinks to the small one and its denoised version."""

    def __init__(self, network: ResUNet | IRCNNBank, scale: int) -> None:
        multiple = network.size_multiple
        super().__init__(network, replace(whole_picture(network), scale=scale, size_multiple=multiple))
        self._scale = scale

    def steps(
        self,
        image: Tensor,
        *,
        parameters: Parameters,
        mask: Tensor | None = None,
        kernel: Tensor | None = None,
    ) -> Iterator[tuple[float, Tensor]]:
        scale, count = self._scale, int(parameters["iterations"])
        noise = max(float(parameters["sigma"]), _LEAST_NOISE)
        small = mirrored(image, _MARGIN_PX)
        height, width = (scale * side for side in small.shape[-2:])
        taps = shrinking_kernel(scale, softness_px=float(parameters["softness"]))
        operator = Shrinking.of(taps, scale=scale, height=height, width=width, device=image.device)
        estimate = functional.interpolate(small, scale_factor=scale, mode="bicubic", align_corners=False)
        inner = slice(scale * _MARGIN_PX, -scale * _MARGIN_PX)
        for index, level in enumerate(np.geomspace(_FIRST_SIGMA, max(noise, scale * _LAST_SIGMA_PER_SCALE), count)):
            large = operator.solve(small, estimate, weight=_PRIOR_WEIGHT * (noise / float(level)) ** 2)
            estimate = self.denoise(large, float(level))
            yield (index + 1) / count, estimate[..., inner, inner]


def shrinking_kernel(scale: int, *, softness_px: float) -> FloatArray:
    """Return what a small pixel saw of the large ones, (k, k), sum 1.

    Args:
        scale: whole factor; k is even where it is.
        softness_px: standard deviation of a Gaussian, in large pixels; 0 for antialiased bicubic shrinking, a = -0.5.
    """
    reach = 2.0 * scale if softness_px == 0 else max(1.0, np.ceil(3 * softness_px))
    places = np.arange(-int(reach) - scale, int(reach) + scale + 1) + (0.5 if scale % 2 == 0 else 0.0)
    places = places[np.abs(places) <= reach]
    line = np.exp(-0.5 * (places / softness_px) ** 2) if softness_px else _cubic(np.abs(places / scale))
    taps = np.outer(line, line)
    return np.asarray(taps / taps.sum(), dtype=np.float32)


def mirrored(image: Tensor, margin_px: int) -> Tensor:
    """Continue a picture by its mirror image on all sides, as often as the margin needs."""
    for dim in (-2, -1):
        length = image.shape[dim]
        places = torch.arange(-margin_px, length + margin_px, device=image.device) % (2 * length)
        image = image.index_select(dim, torch.where(places < length, places, 2 * length - 1 - places))
    return image


def _cubic(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    near = ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance**2 + 1
    far = _CUBIC * (((distance - 5) * distance + 8) * distance - 4)
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))


TINY = {"widths": [4, 8], "blocks": 1}


def networks(config: Mapping[str, object], parameters: Parameters) -> dict[str, ResUNet | IRCNNBank]:
    """Return the denoiser that the parameter "prior" names."""
    return {"net": denoiser_of(config, parameters)}


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> PlugAndPlayUpscale:
    """Build the upscaler for the scale asked for, with the denoiser in the file "net"."""
    network = load_networks(networks(config, parameters), weights, model="the denoiser prior")["net"]
    return PlugAndPlayUpscale(network, int(parameters["scale"]))
