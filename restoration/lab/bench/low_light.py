"""Further low-light scores: with matched mean brightness, remaining noise, change of well-exposed pictures.

Reference:
    Zhang et al., Kindling the Darkness, 2019, arXiv:1905.04161 (scores with the mean of the reference).
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np

from restoration.arrays import FloatArray
from restoration.diagnosis import noise_level
from restoration.images import Picture, gray_of, quantize
from restoration.lab.bench.cases import Case
from restoration.metrics import psnr, ssim
from restoration.service.door import Service
from restoration.types import Done, ParamValue, RestoreRequest, Task, as_mapping

Method = Callable[[Picture], FloatArray]
GAMMA = "gamma 0.4"
_GAMMA = 0.4
_HIGHEST_PSNR_DB = 60.0
"""An untouched picture would have an infinite one, and decide every mean."""
_LEAST_CHROMA = 0.08
"""Below this difference between the largest and the smallest colour, a hue means nothing."""

PAIRED = ("PSNR dB", "SSIM", "PSNR dB, mean matched", "noise sigma")
UNPAIRED = ("PSNR dB to input", "worst", "clipped before", "clipped after", "hue shift deg")


@dataclass(frozen=True)
class Score:
    """The means of one method over all pictures, by the names of `PAIRED` or `UNPAIRED`."""

    method: str
    values: Mapping[str, float]


def methods(service: Service, models: Iterable[str], *, parameters: Mapping[str, ParamValue]) -> dict[str, Method]:
    """Return the input, a gamma curve and models of the service, each as a function of the picture.

    Args:
        parameters: given to every model that takes them.
    """
    infos = {status.info.id: status.info for status in service.list_models(Task.LOW_LIGHT)}

    def run(name: str) -> Method:
        chosen = {key: value for key, value in parameters.items() if name in infos and infos[name].param(key)}

        def restored(picture: Picture) -> FloatArray:
            request = RestoreRequest(picture, Task.LOW_LIGHT, model=name, parameters=as_mapping(chosen))
            result = next(event.result for event in service.restore(request) if isinstance(event, Done))
            return result.picture.pixels

        return restored

    return {
        "(input)": lambda picture: picture.pixels,
        GAMMA: lambda picture: picture.pixels ** np.float32(_GAMMA),
        **{name: run(name) for name in models},
    }


def score(
    cases: Iterable[Case], chosen: Mapping[str, Method], *, progress: Callable[[str], None] = lambda _: None
) -> list[Score]:
    """Score every method on all cases, in 8 bits; cases that are their own reference are to stay as they are."""
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in chosen}
    for case in cases:
        is_paired = not np.array_equal(case.degraded.pixels, case.reference.pixels)
        for name, method in chosen.items():
            restored = _rounded(method(case.degraded))
            values = _against(restored, case.reference) if is_paired else kept(case.degraded.pixels, restored)
            rows[name].append(values)
            progress(f"{case.name}: {name} {next(iter(values.values())):.2f} dB")
    return [Score(name, _means(values)) for name, values in rows.items() if values]


def kept(before: FloatArray, after: FloatArray) -> dict[str, float]:
    """Return what became of a picture that needed nothing, by the names of `UNPAIRED`.

    Clipped is the share of pixels with a colour at 255 of 255; the hue shift is the mean over coloured pixels.
    """
    first, second = _rounded(before), _rounded(after)
    near_db = min(_HIGHEST_PSNR_DB, psnr(second, first, data_range=1.0))
    clipped = [float((picture.max(axis=2) >= 1).mean()) for picture in (first, second)]
    return dict(zip(UNPAIRED, (near_db, near_db, *clipped, _hue_shift(first, second)), strict=True))


def to_markdown(scores: Iterable[Score]) -> str:
    """Return a table with one row per method."""
    rows = list(scores)
    names = list(rows[0].values) if rows else []
    lines = [f"| method | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    lines += [f"| {row.method} | {' | '.join(f'{row.values[name]:.4g}' for name in names)} |" for row in rows]
    return "\n".join(lines)


def _against(restored: FloatArray, reference: Picture) -> dict[str, float]:
    theirs = _rounded(reference.pixels)
    ratio = float(gray_of(theirs).mean() / max(float(gray_of(restored).mean()), 1e-6))
    matched = _rounded(np.clip(restored * np.float32(ratio), 0, 1))
    ours = (restored * 255, theirs * 255)
    scores = (
        psnr(*ours, data_range=255.0),
        ssim(*ours, data_range=255.0),
        psnr(matched, theirs, data_range=1.0),
        noise_level(replace(reference, pixels=restored)),
    )
    return dict(zip(PAIRED, scores, strict=True))


def _hue_shift(before: FloatArray, after: FloatArray) -> float:
    """Return the mean difference of hue in degrees over the pixels that are coloured in both."""
    hues = [cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)[..., 0] for picture in (before, after)]
    is_coloured = np.logical_and(*(np.ptp(picture, axis=2) >= _LEAST_CHROMA for picture in (before, after)))
    distance = np.abs(hues[0] - hues[1])
    shifts = np.minimum(distance, 360 - distance)[is_coloured]
    return float(shifts.mean()) if shifts.size else 0.0


def _rounded(pixels: FloatArray) -> FloatArray:
    return quantize(pixels, bit_depth=8).astype(np.float32) / np.float32(255)


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    means = {name: statistics.fmean(row[name] for row in rows) for name in rows[0]}
    if "worst" in means:
        means["worst"] = min(row["worst"] for row in rows)
    return means
