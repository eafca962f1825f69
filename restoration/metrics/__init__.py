"""How near a restored picture is to its reference: `f(restored, reference, *, data_range, crop_border) -> float`."""

from restoration.metrics.alignment import aligned
from restoration.metrics.catalogue import CATALOGUE, TASK_METRICS, Metric
from restoration.metrics.color import to_y
from restoration.metrics.fidelity import mae, mse, psnr
from restoration.metrics.haarpsi import haarpsi
from restoration.metrics.structure import ssim

__all__ = ["CATALOGUE", "TASK_METRICS", "Metric", "aligned", "haarpsi", "mae", "mse", "psnr", "ssim", "to_y"]
