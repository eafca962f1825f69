"""How long a run will take and how much memory it will need, from what this machine has done before."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from restoration.catalogue.measures import automatic_views
from restoration.types import ModelInfo, RunRecord

_NEAREST = 5


@dataclass(frozen=True)
class Forecast:
    """What a run is expected to cost.

    Args:
        run_s: seconds of work, without waiting for others.
        peak_bytes: memory of the device at the peak (of the process on a CPU), or None while unknown.
    """

    run_s: float
    peak_bytes: int | None


def forecast(
    info: ModelInfo, *, pixels: int, records: Sequence[RunRecord], models: Mapping[str, ModelInfo]
) -> Forecast | None:
    """Return what a model's run on a picture of so many pixels is expected to cost; None where nothing tells.

    The model's own runs tell most, those of pictures of about this size first. Else the multiply-adds that other
    networks have done in a second here are taken for this one too. All are taken to have chosen their views themselves.

    Args:
        records: runs on this machine.
        models: by id.
    """
    done = [record for record in records if record.outcome == "done" and record.run_s > 0]
    own = [record for record in done if record.model == info.id]
    if own:
        own.sort(key=lambda record: abs(math.log(_pixels(record) / pixels)))
        nearest = own[:_NEAREST]
        per_pixel_s = statistics.median(record.run_s / _work(info, _pixels(record)) for record in nearest)
        alike = (record for record in nearest if _pixels(record) >= pixels / 2)  # smaller ones tell too little
        peaks = [record.peak_bytes for record in alike if record.peak_bytes is not None]
        return Forecast(_work(info, pixels) * per_pixel_s, max(peaks, default=None))
    rates = [
        other.macs_per_pixel * _work(other, _pixels(record)) / record.run_s
        for record in done
        if (other := models.get(record.model)) is not None and other.macs_per_pixel > 0
    ]
    if not rates or not info.macs_per_pixel:
        return None
    return Forecast(_work(info, pixels) * info.macs_per_pixel / statistics.median(rates), None)


def _pixels(record: RunRecord) -> int:
    return max(1, record.width * record.height)


def _work(info: ModelInfo, pixels: int) -> float:
    """Return the work on a picture, in pixels of a small one seen once."""
    is_large = 0 < info.large_px < pixels
    return pixels * automatic_views(info, pixels=pixels) * (info.large_cost if is_large else 1.0)
