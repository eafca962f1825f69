"""Measure a low-light model on dark, mixed and bright pictures: clipped highlights and noise of every kind.

Models for the dark are often trained on dark pictures alone, and then spoil what was bright already.
"""

from __future__ import annotations

import statistics
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from restoration.arrays import FloatArray
from restoration.degradations.exposure import Exposure, Noise, expose, spoil
from restoration.degradations.noise import quantize_8bit
from restoration.images import gray_of, read
from restoration.metrics import psnr

Restore = Callable[[FloatArray], FloatArray]

_LEAST_GAIN = 0.5 / 255  # of the mean
_BRIGHT_GAMMA = 0.6
_BRIGHT_MEAN = 0.5
_DARK_GAMMA, _DARK_GAIN = 1.7, 0.6
_STRENGTH = 0.25
_WHITE = 254.5 / 255


@dataclass(frozen=True)
class Condition:
    """One way to spoil pictures; `is_bright` lifts the clean ones first until they are bright on the whole."""

    name: str
    exposure: Exposure
    noise: Noise
    is_bright: bool = False


CONDITIONS = (
    Condition("dark, salt and pepper", "dark", "dots"),
    Condition("dark, Gaussian noise", "dark", "gaussian"),
    Condition("dark, Poisson noise", "dark", "poisson"),
    Condition("dark, speckle", "dark", "speckle"),
    Condition("mixed, salt and pepper", "mixed", "dots"),
    Condition("bright, salt and pepper", "right", "dots", is_bright=True),
    Condition("bright, clean", "right", "none", is_bright=True),
)


@dataclass
class ExposureRow:
    """Scores under one condition, one entry per picture; `clipped` are shares of samples white but in the reference."""

    condition: str
    input_psnr_db: list[float] = field(default_factory=list)
    output_psnr_db: list[float] = field(default_factory=list)
    input_clipped: list[float] = field(default_factory=list)
    output_clipped: list[float] = field(default_factory=list)

    @property
    def least_gain_db(self) -> float:
        """The change of the picture that fared worst."""
        pairs = zip(self.input_psnr_db, self.output_psnr_db, strict=True)
        return min(after - before for before, after in pairs)


def measure_exposure(
    restore: Restore, files: Iterable[Path], *, conditions: Iterable[Condition] = CONDITIONS, seed: int = 0
) -> list[ExposureRow]:
    """Spoil clean pictures under every condition, restore them, and score them on RGB in 8 bits.

    Args:
        restore: (H, W, 3) in [0, 1] -> the same.
        files: clean pictures.
        seed: of the noise; every picture has its own stream, by its name.
    """
    pictures = [(file.stem, read(file).pixels) for file in files]
    rows = []
    for condition in conditions:
        row = ExposureRow(condition.name)
        for name, pixels in pictures:
            rng = np.random.default_rng((seed, zlib.crc32(f"{name} {condition.name}".encode())))
            reference = quantize_8bit(brighten(pixels)) if condition.is_bright else pixels
            exposed = expose(reference, rng=rng, exposure=condition.exposure, gamma=_DARK_GAMMA, gain=_DARK_GAIN)
            spoiled = spoil(exposed, rng=rng, noise=condition.noise, strength=_STRENGTH)
            _score(row, spoiled, quantize_8bit(restore(spoiled)), reference)
        rows.append(row)
    return rows


def brighten(pixels: FloatArray) -> FloatArray:
    """Lift a picture by a gamma until it is bright on the whole; black stays black, and white white.

    One that is black for the most part is lifted as far as changes anything in 8 bits.
    """
    lifted = np.clip(pixels, 0, 1)
    mean = float(gray_of(lifted).mean())
    while mean < _BRIGHT_MEAN:
        brighter = lifted ** np.float32(_BRIGHT_GAMMA)
        gain, mean = float(gray_of(brighter).mean()) - mean, float(gray_of(brighter).mean())
        lifted = brighter
        if gain < _LEAST_GAIN:
            break
    return lifted


def to_json(rows: Iterable[ExposureRow]) -> list[dict[str, Any]]:
    """Return means over the pictures; a PSNR of an input without any damage is None."""
    return [
        {
            "condition": row.condition,
            "pictures": len(row.output_psnr_db),
            "input_psnr": _mean(row.input_psnr_db),
            "output_psnr": _mean(row.output_psnr_db),
            "least_gain": _mean([row.least_gain_db]),
            "input_clipped": _mean(row.input_clipped),
            "output_clipped": _mean(row.output_clipped),
        }
        for row in rows
    ]


def to_markdown(lines: Iterable[Mapping[str, Any]]) -> str:
    """Return the rows of `to_json` as a Markdown table; clipped samples in per mille."""
    table = [
        "| picture | before dB | after dB | least gain dB | clipped before ‰ | after ‰ |",
        f"|{'---|' * 6}",
    ]
    for line in lines:
        scores = (line[key] for key in ("input_psnr", "output_psnr", "least_gain"))
        shares = (f"{1000 * line[key]:.2f}" for key in ("input_clipped", "output_clipped"))
        cells = [line["condition"], *("" if score is None else f"{score:.2f}" for score in scores), *shares]
        table.append(f"| {' | '.join(cells)} |")
    return "\n".join(table)


def _score(row: ExposureRow, spoiled: FloatArray, restored: FloatArray, reference: FloatArray) -> None:
    row.input_psnr_db.append(psnr(spoiled, reference))
    row.output_psnr_db.append(psnr(restored, reference))
    row.input_clipped.append(_clipped(spoiled, reference))
    row.output_clipped.append(_clipped(restored, reference))


def _clipped(picture: FloatArray, reference: FloatArray) -> float:
    return float(np.mean((picture >= _WHITE) & (reference < _WHITE)))


def _mean(values: list[float]) -> float | None:
    mean = statistics.fmean(values)
    return mean if np.isfinite(mean) else None
