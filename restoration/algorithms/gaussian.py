"""Gaussian smoothing of tensors, fast on a CPU."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional


def gaussian_smooth(image: Tensor, deviation_px: float) -> Tensor:
    """Smooth (B, C, H, W) with a Gaussian truncated at three standard deviations; edges are replicated."""
    reach = math.ceil(3 * deviation_px)
    weights = [math.exp(-0.5 * (step / deviation_px) ** 2) for step in range(reach + 1)]
    total = weights[0] + 2 * sum(weights[1:])
    smooth = functional.pad(image, [reach] * 4, mode="replicate")
    for dim in (2, 3):  # sums of shifted pictures: torch's grouped convolution takes several times as long on a CPU
        wide, length = smooth, smooth.shape[dim] - 2 * reach
        smooth = weights[0] / total * wide.narrow(dim, reach, length)
        for step, weight in enumerate(weights[1:], start=1):
            both = wide.narrow(dim, reach - step, length) + wide.narrow(dim, reach + step, length)
            smooth.add_(both, alpha=weight / total)
    return smooth
