"""Metrics: `f(restored, reference, *, data_range, crop_border) -> float`."""

from restoration.metrics.alignment import aligned
from restoration.metrics.catalogue import CATALOGUE, SPECIAL_SCORES, Metric, Score
from restoration.metrics.color import to_y
from restoration.metrics.fidelity import mae, mse, psnr
from restoration.metrics.haarpsi import haarpsi
from restoration.metrics.structure import ssim

__all__ = ["CATALOGUE", "SPECIAL_SCORES", "Metric", "Score", "aligned", "haarpsi", "mae", "mse", "psnr", "ssim", "to_y"]
