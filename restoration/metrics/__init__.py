"""How near a restored picture is to its reference: `f(restored, reference, *, data_range, crop_border) -> float`."""

from restoration.metrics.alignment import aligned
from restoration.metrics.catalogue import CATALOGUE, Metric
from restoration.metrics.color import to_y
from restoration.metrics.fidelity import mae, mse, psnr
from restoration.metrics.structure import ssim

__all__ = ["CATALOGUE", "Metric", "aligned", "mae", "mse", "psnr", "ssim", "to_y"]
