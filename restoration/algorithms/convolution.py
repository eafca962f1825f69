"""Blur as a linear operator: kernels, their frequency response, and boundary handling.

A photograph shows only the middle of the blurred scene: what lies beyond its border has been blurred into it. Here that
part is unknown instead of made up, so that no ringing starts at the border.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from restoration.arrays import FloatArray
from restoration.degradations.blur import motion_kernel
from restoration.errors import InvalidParameter
from restoration.types import Parameters

_GAUSSIAN_REACH = 3.0
_SAMPLES_PER_PX = 8
_CONVERGED = 1e-12


def kernel_of(parameters: Parameters, kernel: Tensor | None) -> FloatArray:
    """Return the given blur kernel, or the one the parameters describe: (k, k'), odd sides, sum 1.

    Args:
        parameters: `blur` is "gaussian" or "defocus" with `radius` in px, or "motion" with `length` in px and `angle`
            in degrees, counter-clockwise from the horizontal.
        kernel: a kernel of the user's own, or an estimated one, or None.

    Raises:
        InvalidParameter: the kernel is to be estimated, which needs the whole picture.
    """
    if kernel is not None:
        return np.asarray(kernel.cpu().numpy(), dtype=np.float32)
    kind = parameters.get("blur", "gaussian")
    if kind == "estimate":
        message = "The kernel is estimated from the whole picture; call the service, or pass a kernel."
        raise InvalidParameter(message, name="blur")
    if kind == "motion":
        length_px = float(parameters["length"])
        return motion_kernel(length_px, float(parameters["angle"])) if length_px >= 1 else np.ones((1, 1), np.float32)
    radius_px = float(parameters["radius"])
    if radius_px <= 0:
        return np.ones((1, 1), np.float32)
    return defocus_kernel(radius_px) if kind == "defocus" else gaussian_kernel(radius_px)


def gaussian_kernel(radius_px: float) -> FloatArray:
    """Return a Gaussian of the given standard deviation, truncated at three standard deviations."""
    reach = max(1, int(np.ceil(_GAUSSIAN_REACH * radius_px)))
    line = np.exp(-0.5 * (np.arange(-reach, reach + 1) / radius_px) ** 2)
    kernel = np.outer(line, line)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def defocus_kernel(radius_px: float) -> FloatArray:
    """Return an antialiased disc, the blur kernel of a defocused lens."""
    if radius_px <= 0.5:  # inside of one pixel
        return np.ones((1, 1), np.float32)
    reach = int(np.ceil(radius_px))
    side = (2 * reach + 1) * _SAMPLES_PER_PX
    axis = (np.arange(side) + 0.5) / _SAMPLES_PER_PX - (reach + 0.5)
    disc = (np.hypot(*np.meshgrid(axis, axis)) <= radius_px).astype(np.float64)
    cells = disc.reshape(2 * reach + 1, _SAMPLES_PER_PX, 2 * reach + 1, _SAMPLES_PER_PX).mean(axis=(1, 3))
    return np.asarray(cells / cells.sum(), dtype=np.float32)


@dataclass(frozen=True)
class CircularBlur:
    """Circular convolution with a kernel on a canvas of fixed size, all in the frequency domain.

    Args:
        transfer: (H, W // 2 + 1) complex, the kernel's spectrum, its centre at the origin.
        height, width: of the canvas.
    """

    transfer: Tensor
    height: int
    width: int

    @classmethod
    def of(cls, kernel: FloatArray, *, height: int, width: int, device: torch.device) -> CircularBlur:
        """Place a kernel (k, k'), odd sides, no larger than the canvas."""
        canvas = torch.zeros(height, width, device=device)
        rows, columns = kernel.shape
        canvas[:rows, :columns] = torch.from_numpy(np.ascontiguousarray(kernel)).to(device)
        centred = torch.roll(canvas, (-(rows // 2), -(columns // 2)), dims=(0, 1))
        return cls(torch.fft.rfft2(centred), height, width)

    def blur(self, image: Tensor) -> Tensor:
        """Return the blurred canvas; (..., H, W)."""
        return self._back(torch.fft.rfft2(image) * self.transfer)

    def blur_adjoint(self, image: Tensor) -> Tensor:
        """Return the blur with the kernel turned by 180 degrees, the adjoint of `blur`."""
        return self._back(torch.fft.rfft2(image) * self.transfer.conj())

    def solve(self, observed: Tensor, prior: Tensor, *, weight: float | Tensor) -> Tensor:
        """Return the x that minimises |blur(x) - observed|^2 + weight |x - prior|^2, in closed form."""
        top = self.transfer.conj() * torch.fft.rfft2(observed) + weight * torch.fft.rfft2(prior)
        return self._back(top / (self.transfer.abs().square() + weight))

    def _back(self, spectrum: Tensor) -> Tensor:
        return torch.fft.irfft2(spectrum, s=(self.height, self.width))


class Canvas:
    """A blurred picture with a margin in which the scene continues but nothing was observed.

    Args:
        observed: (B, C, H, W), the blurred picture.
        kernel: (k, k'), odd sides.
        multiple: both sides of the canvas become multiples of this.
    """

    def __init__(self, observed: Tensor, kernel: FloatArray, *, multiple: int = 8) -> None:
        reach = max(kernel.shape)
        height, width = observed.shape[-2:]
        tall, wide = (-(-(side + 2 * reach) // multiple) * multiple for side in (height, width))
        margins = (reach, wide - width - reach, reach, tall - height - reach)
        self._rows, self._columns = slice(reach, reach + height), slice(reach, reach + width)
        self.blur = CircularBlur.of(kernel, height=tall, width=wide, device=observed.device)
        self.known = functional.pad(torch.ones_like(observed[:, :1]), margins)
        self.observed = functional.pad(observed, margins)
        self.continued = _blend_ends(_mirror(observed, margins), self.known, reach)

    def solve(self, prior: Tensor, *, weight: float, iterations: int = 10) -> Tensor:
        """Return the x that minimises |known * (blur(x) - observed)|^2 + weight |x - prior|^2, by conjugate gradients.

        Few iterations from the prior are also a regularisation: what the blur has nearly wiped out stays as it was.

        Reference:
            Almeida & Figueiredo, Deconvolving Images with Unknown Boundaries, 2013, arXiv:1210.2687 (the mask).
        """
        estimate = prior
        residual = self.blur.blur_adjoint(self.known * (self.observed - self.blur.blur(prior)))
        direction, power = residual, _power(residual)
        for _ in range(iterations):
            if float(power.max()) < _CONVERGED:
                break
            image = self.blur.blur_adjoint(self.known * self.blur.blur(direction)) + weight * direction
            step = power / _inner(direction, image).clamp(min=_CONVERGED)
            estimate = estimate + step * direction
            residual = residual - step * image
            renewed = _power(residual)
            direction = residual + renewed / power.clamp(min=_CONVERGED) * direction
            power = renewed
        return estimate

    def cut(self, canvas: Tensor) -> Tensor:
        """Return the part of a canvas that the picture shows."""
        return canvas[..., self._rows, self._columns]


def _inner(first: Tensor, second: Tensor) -> Tensor:
    return (first * second).sum(dim=(-3, -2, -1), keepdim=True)


def _power(image: Tensor) -> Tensor:
    return _inner(image, image)


def _mirror(image: Tensor, margins: tuple[int, int, int, int]) -> Tensor:
    """Pad by repeated reflection."""
    left, right, top, bottom = margins
    rows = _mirrored(image.shape[-2], top, bottom, image.device)
    columns = _mirrored(image.shape[-1], left, right, image.device)
    return image[..., rows, :][..., columns]


def _mirrored(length: int, before: int, after: int, device: torch.device) -> Tensor:
    places = torch.arange(-before, length + after, device=device) % (2 * length)
    return torch.where(places < length, places, 2 * length - 1 - places)


def _blend_ends(canvas: Tensor, known: Tensor, reach: int) -> Tensor:
    """Blend opposite ends of the margin, so that the periodic picture has no edge there."""
    height, width = canvas.shape[-2:]
    for dim, length in ((-2, height), (-1, width)):
        ramp = torch.zeros(length, device=canvas.device)
        ramp[:reach] = torch.linspace(0.5, 0, reach, device=canvas.device)
        ramp[-reach:] = torch.linspace(0, 0.5, reach, device=canvas.device)
        shape = [1, 1, 1, 1]
        shape[dim] = length
        share = ramp.reshape(shape) * (1 - known)
        canvas = canvas * (1 - share) + torch.flip(canvas, (dim,)) * share
    return canvas
