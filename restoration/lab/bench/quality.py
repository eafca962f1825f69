"""Scores of models on test cases, each beside the untouched input and the task's classical baseline."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from restoration.errors import InvalidRequest
from restoration.images import Picture, quantize
from restoration.lab.bench.cases import Case
from restoration.lab.bench.lpips import Distance
from restoration.metrics import CATALOGUE, aligned, psnr, to_y
from restoration.service.door import Service
from restoration.types import Done, ParamValue, RestoreRequest, Task, as_mapping

INPUT = "(input)"
ALIGNMENT_PX = 8
"""Blind deblurring is compared after the best shift of at most so many pixels, and without a border as wide."""
BASELINES: Mapping[Task, str] = {
    Task.DENOISE: "non-local-means",
    Task.SALT_AND_PEPPER: "adaptive-median",
    Task.DEJPEG: "jpeg-deblock",
    Task.DEBLUR: "richardson-lucy",
    Task.SUPER_RESOLUTION: "bicubic",
    Task.INPAINT: "telea",
    Task.LOW_LIGHT: "clahe",
}


@dataclass
class Row:
    """The scores of one model: one list per metric, and the run time per megapixel of input."""

    model: str
    scores: dict[str, list[float]] = field(default_factory=dict)
    seconds_per_megapixel: list[float] = field(default_factory=list)

    def mean(self, metric: str) -> float:
        """Return the mean score over all cases."""
        return statistics.fmean(self.scores[metric])


def measure(
    service: Service,
    cases: Iterable[Case],
    *,
    task: Task,
    models: Sequence[str],
    parameters: Mapping[str, ParamValue],
    precision: Literal["auto", "exact"] = "auto",
    is_blind: bool = False,
    progress: Callable[[str], None] = lambda _: None,
    folder: Path | None = None,
    lpips: Distance | None = None,
) -> list[Row]:
    """Restore every case with every model; all models see the same pixels.

    Super-resolution is scored on Y with a border of `scale` pixels cut off, gray pictures on gray, others on RGB;
    restored pictures are clipped and rounded to 8 bits first, as a file would hold them. Inpainting has one more
    score: PSNR of the pixels in the holes; so has super-resolution: PSNR of the result, shrunk back, to the input.

    Args:
        parameters: given to every model that takes them.
        is_blind: for deblurring, keep the kernels from the models; since a kernel can be found only up to a shift, the
            input and every answer are then compared after the one shift of the whole picture that fits best.
        folder: where every restored picture is kept as `<case>_<model>.png`; None keeps none.
        lpips: one more score, of the pictures as they are, in 0-255 units.

    Returns:
        One row per model, after a row of the input itself where it can be compared.

    Raises:
        InvalidRequest: a case cannot be scored: its pictures differ in shape, or are too small for a metric.
    """
    rows = {name: Row(name) for name in (INPUT, *models)}
    shift_px = ALIGNMENT_PX if is_blind and task is Task.DEBLUR else 0
    takes = {status.info.id: status.info for status in service.list_models(task)}
    for case in cases:
        border = int(parameters.get("scale", 4)) if task is Task.SUPER_RESOLUTION else 0
        if (case.degraded.width, case.degraded.height) == (case.reference.width, case.reference.height):
            _score(rows[INPUT], case.degraded, case, task=task, crop_border=border, shift_px=shift_px, lpips=lpips)
        for name in models:
            info = takes.get(name)
            chosen = {key: value for key, value in parameters.items() if info is None or info.param(key)}
            request = RestoreRequest(
                image=case.degraded,
                task=task,
                model=name,
                parameters=as_mapping(chosen),
                mask=case.mask,
                kernel=None if is_blind else case.kernel,
                precision=precision,
            )
            if not rows[name].scores:  # the first run loads the model; its time is not that of a run
                list(service.restore(request))
            started_s = time.perf_counter()
            restored = next(event.result for event in service.restore(request) if isinstance(event, Done))
            elapsed_s = time.perf_counter() - started_s
            megapixels = case.degraded.width * case.degraded.height / 1e6
            rows[name].seconds_per_megapixel.append(elapsed_s / megapixels)
            _score(rows[name], restored.picture, case, task=task, crop_border=border, shift_px=shift_px, lpips=lpips)
            if restored.consistency_db is not None:
                rows[name].scores.setdefault("consistency", []).append(restored.consistency_db)
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
                restored.save(folder / f"{case.name}_{name}.png")
            scores = rows[name].scores
            progress(f"{case.name}: {name} {scores.get('hole_psnr', scores['psnr'])[-1]:.2f} dB")
    return [row for row in rows.values() if row.scores]


def _score(
    row: Row,
    restored: Picture,
    case: Case,
    *,
    task: Task,
    crop_border: int,
    shift_px: int = 0,
    lpips: Distance | None = None,
) -> None:
    ours, theirs = (_samples(picture, task=task) for picture in (restored, case.reference))
    if shift_px:
        ours, theirs = aligned(ours, theirs, most_px=shift_px)
    for metric in CATALOGUE:
        try:
            score = metric.function(ours, theirs, data_range=255.0, crop_border=crop_border)
        except ValueError as error:
            raise InvalidRequest(f"{case.name} cannot be scored by {metric.name}; leave it out: {error}") from error
        row.scores.setdefault(metric.name, []).append(score)
    if case.mask is not None:
        inside = psnr(
            *(samples[case.mask].reshape(case.mask.sum(), -1) for samples in (ours, theirs)), data_range=255.0
        )
        row.scores.setdefault("hole_psnr", []).append(inside)
    if lpips is not None:
        pictures = (picture.to_array(bit_depth=8).astype(np.float64) for picture in (restored, case.reference))
        row.scores.setdefault("lpips", []).append(lpips(*pictures))


def _samples(picture: Picture, *, task: Task) -> npt.NDArray[np.float64]:
    """Return what is compared, in 0-255 units: Y for super-resolution, gray of gray pictures, else RGB."""
    if task is Task.SUPER_RESOLUTION:
        return 255.0 * to_y(quantize(picture.pixels, bit_depth=8) / 255.0)
    return picture.to_array(bit_depth=8).astype(np.float64)
