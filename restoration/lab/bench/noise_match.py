"""How near the simulated noise of cameras comes to real noise: spectra of its bands, and correlations of its colours.

Real noise is a photograph as the camera wrote it less the mean of many. That mean is a JPEG file of quality 75, so the
simulated noise is compared with such a file, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from restoration.arrays import FloatArray
from restoration.degradations.camera import add_sensor_noise
from restoration.degradations.codecs import compress_on_any_grid
from restoration.degradations.jpeg import compress_jpeg
from restoration.errors import InvalidRequest
from restoration.images import read

CALIBRATION = (
    "Canon5D2_bag",
    "Canon5D2_chair",
    "Canon5D2_mouse",
    "Canon5D2_toy",
    "Canon80D_corne",
    "Nikon800_bulle",
    "Nikon800_desk",
    "Nikon800_map",
    "Nikon800_wall",
    "SonyA7II_book",
)
"""The scenes that the simulation was fitted to; it is judged on the others."""
EDGES = (0.06, 0.12, 0.18, 0.25, 0.33, 0.42, 0.5, 0.71)
"""Of the bands, in cycles per pixel. Below lies the flicker of lamps from shot to shot."""
PLANES = ("luma", "chroma")
COLOURS = ("red-green", "green-blue", "red-blue")

_BLOCK_PX = 32
_FLICKER_PX = 6.0
_MEAN_QUALITY = 75
_CAMERA_QUALITY = (93, 99)
_FULL_COLOUR_SHARE = 0.5
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_WIDTH, _HEIGHT, _PANEL_PX, _TOP, _BOTTOM = 760, 360, 310, 36, 34
_LOWEST_DB, _HIGHEST_DB = -20, 20


@dataclass(frozen=True)
class NoiseShape:
    """What noise looks like at any level.

    Args:
        level: root mean square, in 0-255 units.
        bands: of each of `PLANES`, the power of each band in dB, less that of brightness over all bands.
        correlations: of `COLOURS`.
    """

    level: float
    bands: Mapping[str, npt.NDArray[np.float64]]
    correlations: npt.NDArray[np.float64]


Pair = tuple[NoiseShape, NoiseShape]
"""Real and simulated noise."""


def shape_of(noise: FloatArray) -> NoiseShape:
    """Measure noise, (H, W, 3), without what is wider than `_FLICKER_PX`."""
    wide = cv2.GaussianBlur(noise, (0, 0), _FLICKER_PX, borderType=cv2.BORDER_REFLECT_101)
    fine: FloatArray = np.asarray(noise - wide, dtype=np.float32)
    luma: FloatArray = np.asarray(fine @ _LUMA, dtype=np.float32)
    planes = {"luma": [luma], "chroma": [fine[..., 0] - luma, fine[..., 2] - luma]}
    total = float(np.mean(luma**2)) + 1e-12
    bands = {
        name: 10 * np.log10(np.sum([_power_of_bands(plane) for plane in each], axis=0) / total + 1e-6)
        for name, each in planes.items()
    }
    found = np.asarray(np.corrcoef(fine.reshape(-1, 3).T))
    correlations = np.array([found[0, 1], found[1, 2], found[0, 2]])
    return NoiseShape(255 * float(np.sqrt(np.mean(fine**2))), bands, correlations)


def mean_shape(shapes: Sequence[NoiseShape]) -> NoiseShape:
    """Return the mean of several measurements."""
    return NoiseShape(
        float(np.mean([each.level for each in shapes])),
        {name: np.mean([each.bands[name] for each in shapes], axis=0) for name in PLANES},
        np.mean([each.correlations for each in shapes], axis=0),
    )


def simulated_noise(clean: FloatArray, *, rng: np.random.Generator, level_255: float) -> FloatArray:
    """Return the noise that a camera leaves in a file of high quality, as it is seen beside a mean of many shots."""
    noisy = add_sensor_noise(clean, rng=rng, sigma=level_255 / 255)
    quality = int(rng.integers(*_CAMERA_QUALITY))
    full_colour = bool(rng.random() < _FULL_COLOUR_SHARE)
    noisy = compress_on_any_grid(noisy, rng=rng, quality=quality, full_colour=full_colour)
    return noisy - compress_jpeg(clean, quality=_MEAN_QUALITY)


def pairs_in(folder: Path) -> Iterable[tuple[str, FloatArray, FloatArray]]:
    """Yield the scene, the photograph and the mean of all pairs `*_real.*` and `*_mean.*` of a folder.

    Raises:
        InvalidRequest: there are none.
    """
    files = sorted(folder.glob("*_real.*"))
    if not files:
        raise InvalidRequest(f"No pairs *_real.* and *_mean.* lie in {folder}; name a folder that has some.")
    for file in files:
        mean = file.with_name(file.name.replace("_real.", "_mean."))
        yield file.name.rsplit("_", 2)[0], read(file).pixels, read(mean).pixels


def compare(pairs: Iterable[tuple[str, FloatArray, FloatArray]], *, draws: int, seed: int = 0) -> dict[str, Pair]:
    """Return the real and the simulated noise of every scene, at equal level.

    Args:
        draws: cameras that are drawn for each pair.
    """
    real: dict[str, list[NoiseShape]] = {}
    simulated: dict[str, list[NoiseShape]] = {}
    for index, (scene, photo, mean) in enumerate(pairs):
        found = shape_of(photo - mean)
        clean = np.ascontiguousarray(mean[3:, 5:])  # off the grid of blocks that it was compressed on
        floor = shape_of(compress_jpeg(clean, quality=_MEAN_QUALITY) - clean).level
        level = max(0.5, (max(0.0, found.level**2 - floor**2)) ** 0.5)
        rng = np.random.default_rng((seed, index))
        real.setdefault(scene, []).append(found)
        simulated.setdefault(scene, []).extend(
            shape_of(simulated_noise(clean, rng=rng, level_255=level)) for _ in range(draws)
        )
    return {scene: (mean_shape(real[scene]), mean_shape(simulated[scene])) for scene in real}


def scored(found: Mapping[str, Pair]) -> dict[str, Pair]:
    """Return the scenes that the simulation was not fitted to, or all where there are no others."""
    return {scene: pair for scene, pair in found.items() if scene not in CALIBRATION} or dict(found)


def means(found: Mapping[str, Pair]) -> Pair:
    """Return the mean real and the mean simulated noise of all scenes."""
    real, simulated = zip(*found.values(), strict=True)
    return mean_shape(real), mean_shape(simulated)


def summary(found: Mapping[str, Pair]) -> dict[str, Any]:
    """Return what a file holds of a comparison: the scored scenes' means, and the greatest differences."""
    judged = scored(found)
    real, simulated = means(judged)
    off = {name: np.abs(simulated.bands[name] - real.bands[name]) for name in PLANES}
    return {
        "calibration": sorted(set(found) & set(CALIBRATION)),
        "scored": sorted(judged),
        "edges_cycles_per_px": list(EDGES),
        "bands_db": {
            name: {"real": _rounded(real.bands[name]), "simulated": _rounded(simulated.bands[name])} for name in PLANES
        },
        "correlations": {
            colours: {"real": round(float(ours), 3), "simulated": round(float(theirs), 3)}
            for colours, ours, theirs in zip(COLOURS, real.correlations, simulated.correlations, strict=True)
        },
        "greatest_difference_db": {name: round(float(each.max()), 2) for name, each in off.items()},
        "greatest_difference_of_correlation": round(float(np.abs(real.correlations - simulated.correlations).max()), 3),
    }


def to_text(found: Mapping[str, Pair]) -> str:
    """Return the means of the scored scenes as lines to read."""
    judged = scored(found)
    real, simulated = means(judged)
    lines = [f"{len(judged)} scored scenes, level {real.level:.2f} real, {simulated.level:.2f} simulated (0-255 units)"]
    for name in PLANES:
        lines.append(f"{name}, dB in bands {', '.join(f'{edge:g}' for edge in EDGES)} cycles/px:")
        for kind, each in (("real", real), ("simulated", simulated)):
            lines.append(f"  {kind:<10}" + "".join(f"{value:7.1f}" for value in each.bands[name]))
    for index, colours in enumerate(COLOURS):
        pair = f"{real.correlations[index]:.2f} real, {simulated.correlations[index]:.2f} simulated"
        lines.append(f"correlation {colours}: {pair}")
    return "\n".join(lines)


def draw(found: Mapping[str, Pair]) -> str:
    """Return an SVG of the spectra of the scored scenes: every scene faint, the means strong."""
    judged = scored(found)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        'font-size="13">',
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for number, name in enumerate(PLANES):
        left = 56 + number * _WIDTH // 2
        parts.append(f'<text x="{left}" y="20" font-size="15">{name}</text>')
        for level in range(_LOWEST_DB, _HIGHEST_DB + 1, 5):
            y = _down(level)
            parts.append(f'<path d="M{left} {y:.1f}h{_PANEL_PX}" stroke="#e4e4e4"/>')
            parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{level}</text>')
        for kind, colour in enumerate(("#1d4ed8", "#c2410c")):
            shown = [(each[kind], 0.18, 1.0) for each in judged.values()] + [(means(judged)[kind], 1.0, 2.5)]
            for shape, opacity, width in shown:
                points = " ".join(
                    f"{left + _PANEL_PX * edge / EDGES[-1]:.1f},{_down(value):.1f}"
                    for edge, value in zip(_middles(), shape.bands[name], strict=True)
                )
                parts.append(
                    f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}" '
                    f'opacity="{opacity}"/>'
                )
        parts.append(f'<text x="{left}" y="{_HEIGHT - 10}" fill="#555">0 to {EDGES[-1]} cycles per pixel; dB</text>')
    parts.append(f'<text x="{_WIDTH - 180}" y="20" fill="#1d4ed8">real</text>')
    parts.append(f'<text x="{_WIDTH - 130}" y="20" fill="#c2410c">simulated</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _middles() -> list[float]:
    return [(low + high) / 2 for low, high in pairwise(EDGES)]


def _down(level_db: float) -> float:
    return _TOP + (_HIGHEST_DB - level_db) / (_HIGHEST_DB - _LOWEST_DB) * (_HEIGHT - _TOP - _BOTTOM)


def _rounded(values: npt.NDArray[np.float64]) -> list[float]:
    return [round(float(value), 2) for value in values]


def _power_of_bands(plane: FloatArray) -> npt.NDArray[np.float64]:
    """Return the mean power of a plane's blocks in each band; that of white noise is its variance."""
    rows, columns = (side // _BLOCK_PX for side in plane.shape)
    whole = plane[: rows * _BLOCK_PX, : columns * _BLOCK_PX]
    blocks = whole.reshape(rows, _BLOCK_PX, columns, _BLOCK_PX).swapaxes(1, 2).reshape(-1, _BLOCK_PX, _BLOCK_PX)
    window = np.hanning(_BLOCK_PX + 2)[1:-1]
    window = np.outer(window, window)
    window /= np.sqrt(np.mean(window**2))
    power = np.mean(np.abs(np.fft.fft2(blocks * window)) ** 2, axis=0) / _BLOCK_PX**2
    frequencies = np.fft.fftfreq(_BLOCK_PX)
    radius = np.hypot(frequencies[:, None], frequencies[None])
    return np.array([power[(radius >= low) & (radius < high)].mean() for low, high in pairwise(EDGES)])
