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
    """The signature of every metric."""

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
class Score:
    """A score's name, unit and number of meaningful `digits`."""

    name: str
    unit: str
    digits: int


@dataclass(frozen=True)
class Metric(Score):
    """A score that a function gives for any two pictures."""

    function: MetricFunction


CATALOGUE = (
    Metric("psnr", "dB", digits=2, function=psnr),
    Metric("ssim", "", digits=4, function=ssim),
    Metric("mse", "", digits=6, function=mse),
    Metric("mae", "", digits=5, function=mae),
    Metric("haarpsi", "", digits=4, function=haarpsi),
)

SPECIAL_SCORES = (
    Score("hole_psnr", "dB", digits=2),
    Score("consistency", "dB", digits=2),
    Score("lpips", "", digits=4),
)
"""Of inpainting: PSNR of the pixels of the holes alone. Of super-resolution: PSNR of the result, shrunk back, to the
input. Where it is asked for and can be had: LPIPS."""
