"""All metrics by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from restoration.metrics.fidelity import mae, mse, psnr
from restoration.metrics.haarpsi import haarpsi
from restoration.metrics.structure import ssim


class MetricFunction(Protocol):
    """What every metric looks like."""

    def __call__(
        self,
        restored: npt.NDArray[np.floating],
        reference: npt.NDArray[np.floating],
        *,
        data_range: float = 1.0,
        crop_border: int = 0,
    ) -> float:
        """Return the score."""
        ...


@dataclass(frozen=True)
class Metric:
    """A metric and how to read it; `digits` after the point are worth showing."""

    name: str
    function: MetricFunction
    unit: str
    is_higher_better: bool
    digits: int


CATALOGUE = (
    Metric("psnr", psnr, "dB", is_higher_better=True, digits=2),
    Metric("ssim", ssim, "", is_higher_better=True, digits=4),
    Metric("mse", mse, "", is_higher_better=False, digits=6),
    Metric("mae", mae, "", is_higher_better=False, digits=5),
    Metric("haarpsi", haarpsi, "", is_higher_better=True, digits=4),
)

TASK_METRICS = (
    Metric("hole_psnr", psnr, "dB", is_higher_better=True, digits=2),
    Metric("consistency", psnr, "dB", is_higher_better=True, digits=2),
)
"""Of inpainting: the pixels of the holes alone. Of super-resolution: the result, shrunk back, beside the input."""
