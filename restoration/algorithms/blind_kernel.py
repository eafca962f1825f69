"""Blind estimation of a uniform blur kernel, coarse to fine, alternating with a latent image of sparse gradients.

At every level of a pyramid a latent picture with few nonzero gradients is found for the kernel so far, then the kernel
that carries its gradients best into those of the blurred picture. Such a picture keeps strong edges and drops what is
too fine to tell the blur from; gradients leave no trade between the kernel and the brightness.

Reference:
    Xu, Zheng & Jia, Unnatural L0 Sparse Representation for Natural Image Deblurring, 2013,
    doi:10.1109/CVPR.2013.147 (the prior and its splitting);
    Cho & Lee, Fast Motion Deblurring, 2009, doi:10.1145/1618452.1618491 (gradients, coarse to fine).
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from restoration.algorithms.convolution import Canvas
from restoration.arrays import FloatArray

_MOST_PIXELS = 350_000
_WINDOW_STEP_PX = 16
_SMALLEST_KERNEL_PX = 5
_LEVEL_RATIO = 2**-0.5
_TURNS = 5

_FIRST_SPARSITY, _LAST_SPARSITY, _SPARSITY_DECAY = 8e-3, 1e-4, 1.1
_LAST_COUPLING = 1e3
_RIDGE = 60.0
_LEAST_CONTRAST, _CONTRAST_SHARES = 0.1, (0.005, 0.995)
_KERNEL_ITERATIONS = 100
_LEAST_WEIGHT = 0.05
_LEAST_PART = 0.1

_EDGE_SHRINKING = 4
_EDGE_SHARE = 0.99
_LEAST_EDGE = 0.02
_LEAST_SPREAD_PX = 1.05


def estimate_kernel(gray: FloatArray, *, size_px: int) -> Generator[float, None, FloatArray]:
    """Yield the fraction done and return the blur kernel (k, k'), odd sides, non-negative, sum 1.

    Pictures above 0.35 megapixels are judged by their most textured part of that size.

    Args:
        gray: (H, W), range [0, 1].
        size_px: side of the largest kernel looked for, odd.

    Returns:
        the kernel, cut to its support, its centre of mass in the middle to within half a pixel; (1, 1) where the
        picture is sharp, or too flat to tell.
    """
    part = _textured_part(gray)
    size_px = min(size_px, _odd(min(part.shape) / 3))
    blurred = torch.from_numpy(np.asarray(part / _contrast(part), dtype=np.float32))[None, None]
    if size_px < _SMALLEST_KERNEL_PX or not _has_edges(blurred):
        return np.ones((1, 1), np.float32)
    sizes = _kernel_sizes(size_px)
    costs = np.cumsum([size**2 for size in sizes for _ in range(_TURNS)])
    kernel, sparsity, done = _cross(sizes[0]), _FIRST_SPARSITY, 0
    for size in sizes:
        level = blurred if size == size_px else _resized(blurred, size / size_px)
        kernel = _normalised(_resized(kernel[None, None], size / kernel.shape[0])[0, 0])
        for _ in range(_TURNS):
            canvas = Canvas(level, kernel.numpy())
            latent = canvas.cut(sparse_latent(canvas, sparsity=sparsity))[0, 0]
            kernel = _centred(pruned(fit_kernel(latent, level[0, 0], size_px=size)))
            sparsity = max(sparsity / _SPARSITY_DECAY, _LAST_SPARSITY)
            done += 1
            yield float(costs[done - 1] / costs[-1])
    return trimmed(kernel.numpy())


def sparse_latent(canvas: Canvas, *, sparsity: float) -> Tensor:
    """Return the x on the canvas that explains the blurred picture with few gradients, (1, 1, H, W).

    Minimises |known * (blur(x) - observed)|^2 + sparsity |grad x|_0 by half-quadratic splitting, whose coupling doubles
    every time; beyond the picture's border, where nothing was observed, stands what the estimate itself predicts.
    """
    blur = canvas.blur
    shape = (blur.height, blur.width)
    power = blur.transfer.abs().square()
    steepness = _gradient_power(shape)
    estimate, spectrum = canvas.continued, torch.fft.rfft2(canvas.continued)
    coupling = 2 * sparsity
    while coupling < _LAST_COUPLING:
        slopes = _gradients(estimate)
        kept = slopes * (slopes.square().sum(dim=1, keepdim=True) >= sparsity / coupling)
        top = blur.transfer.conj() * spectrum + coupling * torch.fft.rfft2(_gradients_adjoint(kept))
        solution = top / (power + coupling * steepness).clamp(min=1e-12)
        estimate = torch.fft.irfft2(solution, s=shape)
        predicted = torch.fft.irfft2(solution * blur.transfer, s=shape)
        spectrum = torch.fft.rfft2(torch.where(canvas.known > 0, canvas.observed, predicted))
        coupling *= 2
    return estimate


def fit_kernel(latent: Tensor, blurred: Tensor, *, size_px: int) -> Tensor:
    """Return the k >= 0, (size_px, size_px), that minimises |k * grad latent - grad blurred|^2 + ridge |k|^2.

    Only the correlations of the gradients enter, so that the quadratic programme is as small as the kernel; it is
    solved by projected gradients with momentum.

    Args:
        latent, blurred: (H, W); gradients nearer to the border than half a kernel do not count.

    Reference:
        Beck & Teboulle, A Fast Iterative Shrinkage-Thresholding Algorithm, 2009, doi:10.1137/080716542.
    """
    reach = size_px // 2
    slopes, targets = (_inner_gradients(image, reach) for image in (latent, blurred))
    itself, other = _correlations(slopes, slopes, 2 * reach), _correlations(slopes, targets, reach)
    energy = itself[2 * reach, 2 * reach]
    if energy <= 0:
        return _cross(size_px)
    side = itself.shape[0] + size_px
    transfer = torch.fft.rfft2(itself / energy, s=(side, side))
    target = other / energy
    ridge = _RIDGE / float(energy)
    step = 1 / (float(transfer.abs().max()) + ridge)
    kernel = ahead = target.clamp(min=0)
    momentum = 1.0
    for _ in range(_KERNEL_ITERATIONS):
        image = torch.fft.irfft2(torch.fft.rfft2(ahead, s=(side, side)) * transfer, s=(side, side))
        slope = image[2 * reach :, 2 * reach :][:size_px, :size_px] + ridge * ahead - target
        renewed = (ahead - step * slope).clamp(min=0)
        grown = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = renewed + (momentum - 1) / grown * (renewed - kernel)
        kernel, momentum = renewed, grown
    return kernel.float()


def pruned(kernel: Tensor) -> Tensor:
    """Return a kernel of sum 1 without weights below a twentieth of the largest, and without small loose parts."""
    weights = kernel.clamp(min=0).numpy()
    weights = np.where(weights >= _LEAST_WEIGHT * weights.max(), weights, 0)
    if weights.max() <= 0:
        return _cross(kernel.shape[0])
    parts, count = ndimage.label(weights, structure=np.ones((3, 3)))
    sums = ndimage.sum_labels(weights, parts, index=np.arange(count + 1))
    kept = np.where(sums[parts] >= _LEAST_PART * sums[1:].max(), weights, 0)
    return _normalised(torch.from_numpy(kept.astype(np.float32)))


def trimmed(kernel: FloatArray) -> FloatArray:
    """Crop a square kernel of sum 1 symmetrically to the smallest odd sides that hold all weights.

    (1, 1) where the weights spread hardly farther than those that sharp pictures give.
    """
    middle = kernel.shape[0] // 2
    distances = np.square(np.arange(kernel.shape[0]) - middle)
    if max(distances @ kernel.sum(axis=0), distances @ kernel.sum(axis=1)) <= _LEAST_SPREAD_PX**2:
        return np.ones((1, 1), np.float32)
    rows, columns = (int(np.abs(places - middle).max()) for places in np.nonzero(kernel))
    inner = kernel[middle - rows : middle + rows + 1, middle - columns : middle + columns + 1]
    return np.asarray(inner / inner.sum(), dtype=np.float32)


def _kernel_sizes(largest_px: int) -> list[int]:
    """Return the odd sides of the kernel, coarsest level first."""
    sizes = [largest_px]
    while (smaller := _odd(sizes[-1] * _LEVEL_RATIO)) >= _SMALLEST_KERNEL_PX:
        sizes.append(min(smaller, sizes[-1] - 2))
    return sizes[::-1]


def _odd(length: float) -> int:
    """Return the nearest odd number, at least 1."""
    return max(1, 2 * round((length - 1) / 2) + 1)


def _cross(size_px: int) -> Tensor:
    """Return a pixel and its four neighbours, the initial kernel."""
    kernel = torch.zeros(size_px, size_px)
    middle = size_px // 2
    kernel[middle - 1 : middle + 2, middle] = kernel[middle, middle - 1 : middle + 2] = 0.2
    return kernel


def _resized(image: Tensor, factor: float) -> Tensor:
    size = tuple(max(1, round(side * factor)) for side in image.shape[-2:])
    return functional.interpolate(image, size=size, mode="bilinear", antialias=True, align_corners=False)


def _normalised(kernel: Tensor) -> Tensor:
    kernel = kernel.clamp(min=0)
    return kernel / kernel.sum()


def _centred(kernel: Tensor) -> Tensor:
    """Move the centre of mass to the middle, by whole pixels."""
    side = kernel.shape[0]
    places = torch.arange(side) - side // 2
    down = round(float((kernel.sum(dim=1) * places).sum()))
    right = round(float((kernel.sum(dim=0) * places).sum()))
    wide = functional.pad(kernel, (side, side, side, side))
    return _normalised(wide[side + down : 2 * side + down, side + right : 2 * side + right])


def _gradients(image: Tensor) -> Tensor:
    """Return differences to the next column and the next row, circular; (1, 1, H, W) becomes (1, 2, H, W)."""
    return torch.cat([torch.roll(image, -1, dims=-1) - image, torch.roll(image, -1, dims=-2) - image], dim=1)


def _gradients_adjoint(slopes: Tensor) -> Tensor:
    across, down = slopes[:, :1], slopes[:, 1:]
    return torch.roll(across, 1, dims=-1) - across + torch.roll(down, 1, dims=-2) - down


def _gradient_power(shape: tuple[int, int]) -> Tensor:
    """Return the squared transfer of `_gradients`, (H, W // 2 + 1)."""
    down = 4 * torch.sin(torch.pi * torch.fft.fftfreq(shape[0])).square()
    across = 4 * torch.sin(torch.pi * torch.fft.rfftfreq(shape[1])).square()
    return down[:, None] + across


def _inner_gradients(image: Tensor, reach: int) -> Tensor:
    """Return the gradients, (2, H, W), zero where the kernel would look beyond the border."""
    inner = torch.zeros_like(image)
    margin = max(1, reach)
    inner[margin:-margin, margin:-margin] = 1
    return _gradients(image[None, None])[0] * inner


def _correlations(first: Tensor, second: Tensor, reach: int) -> Tensor:
    """Return sum_p first(p) second(p + d) for all d up to `reach` in both directions, (2 reach + 1,) * 2, float64."""
    spectrum = (torch.fft.rfft2(first).conj() * torch.fft.rfft2(second)).sum(dim=0)
    circular = torch.fft.irfft2(spectrum, s=(first.shape[-2], first.shape[-1]))
    return torch.roll(circular, (reach, reach), dims=(0, 1))[: 2 * reach + 1, : 2 * reach + 1].double()


def _has_edges(blurred: Tensor) -> bool:
    """Tell whether gradients remain once the picture is downscaled until its noise is gone."""
    slopes = _gradients(_resized(blurred, 1 / _EDGE_SHRINKING))[..., :-1, :-1].square().sum(dim=1).sqrt()
    return bool(slopes.numel() and torch.quantile(slopes.flatten(), _EDGE_SHARE) > _LEAST_EDGE)


def _contrast(gray: FloatArray) -> float:
    """Return the distance between the picture's dark and light ends; the weights here are meant for a distance of 1."""
    dark, light = np.quantile(gray, _CONTRAST_SHARES)
    return max(float(light - dark), _LEAST_CONTRAST)


def _textured_part(gray: FloatArray) -> FloatArray:
    """Return the part of at most `_MOST_PIXELS` with the steepest gradients; the square root lets no edge win alone."""
    height, width = gray.shape
    if height * width <= _MOST_PIXELS:
        return gray
    side = int(_MOST_PIXELS**0.5)
    tall = min(height, max(side, _MOST_PIXELS // width))
    wide = min(width, _MOST_PIXELS // tall)
    steepness = np.sqrt(np.hypot(*np.gradient(gray)))
    summed = np.pad(steepness.cumsum(axis=0, dtype=np.float64).cumsum(axis=1), ((1, 0), (1, 0)))
    tops = np.arange(0, height - tall + 1, _WINDOW_STEP_PX)
    lefts = np.arange(0, width - wide + 1, _WINDOW_STEP_PX)
    corners = [summed[np.ix_(rows, columns)] for rows in (tops, tops + tall) for columns in (lefts, lefts + wide)]
    sums = corners[3] - corners[2] - corners[1] + corners[0]
    row, column = np.unravel_index(sums.argmax(), sums.shape)
    return gray[tops[row] : tops[row] + tall, lefts[column] : lefts[column] + wide]
