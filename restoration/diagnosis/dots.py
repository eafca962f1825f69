"""Dots of any value: salt and pepper, also after JPEG, resizing or in video range, hot pixels, specks of dust.

A dot stands out alone: it is far from the median around it, and nearly all its neighbours are near to that. No lens
draws so sharply, and strokes of text have other ink beside them. A picture has dots where many more places are so sharp
and so alone than in clean photographs. How sharp all its other dots must be follows from how many there are:
compression and resizing blur dots, but a few dots are no reason to doubt every glint.

Reference:
    Garnett et al., A Universal Noise Removal Algorithm with an Impulse Detector, 2005, doi:10.1109/TIP.2005.857261
    (rank-ordered differences to the neighbours).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from restoration.arrays import FloatArray, Mask
from restoration.images import quantize

Samples = npt.NDArray[np.uint8]
Kind = Literal["none", "extreme", "level", "any", "speck"]

_LEAST_SIDE_PX = 8
_LEAST_HEIGHT = 20  # over the median of the surroundings, in 0-255
_BLURS = (0.05, 0.10, 0.15, 0.20, 0.30)
_CLEAN_SHARES = (0.00005, 0.0003, 0.0010, 0.0030, 0.0080)
"""How many samples of a clean photograph are that isolated: the most of 170 photographs."""
_TIMES_CLEAN = 5.0
_ALONE_HEIGHT, _ALONE_SHARE = 0.25, 0.0002  # clean photographs have 0.000035 at most, text 0.00014
_LEAST_ALONE = 6
_DENSE_SHARE, _DENSE_RATIO = 0.003, 0.1
_LEVEL_PX, _LEVEL_SHARE = 1, 0.8
_AREA_SHARE = 0.6  # of a window of 5x5; what has the level all over is no dot
_EXTREME_HEIGHT, _EXTREME_SHARE, _EXTREME_EACH, _MOST_FLAT = 64, 0.03, 0.2, 0.5
_BILEVEL_SHARE, _SPECK_SHARE, _SPECKS_PER_MARK = 0.98, 0.003, 0.5
_STAR_SKY, _STAR_SHARE, _STAR_RATIO = 60, 0.9, 0.2


@dataclass(frozen=True)
class Dots:
    """The dots of a picture.

    Args:
        kind: "extreme" for black and white, "level" for two other values, "speck" for those of black-and-white
            drawings, "any" for all others.
        share: how many of the samples stand out alone, or are extreme, 0 to 1; crowded dots are not counted.
        blur: how much of its height a dot may share with its neighbours, 0 to 1.
        levels: the values, 0-255, of dots of the kind "level".
    """

    kind: Kind = "none"
    share: float = 0.0
    blur: float = 0.0
    levels: tuple[int, int] = (0, 255)


def measure_dots(pixels: FloatArray) -> Dots:
    """Tell of which kind the dots of a picture are, and how many it has.

    Args:
        pixels: (H, W, 3), range [0, 1].
    """
    samples = _samples_of(pixels)
    if min(samples.shape[:2]) < _LEAST_SIDE_PX:
        return Dots()
    if _is_bilevel(samples):
        return _measure_specks(samples[..., 1])
    planes = [_Plane(samples[..., channel]) for channel in range(3)]
    extreme = _share_of_extremes(samples, np.stack([plane.median for plane in planes], axis=2))
    if extreme:
        return Dots("extreme", extreme)
    sharp = np.stack([plane.isolated(_BLURS[0]) for plane in planes], axis=2)
    alone = sharp & np.stack([plane.alone for plane in planes], axis=2)
    peaks = float(np.mean([plane.peaks.mean() for plane in planes]))
    ratio = float(sharp.mean()) / peaks if peaks else 0.0
    is_sparse = alone.mean() >= _ALONE_SHARE and np.count_nonzero(alone.any(axis=2)) >= _LEAST_ALONE
    is_dense = sharp.mean() >= _DENSE_SHARE and ratio >= _DENSE_RATIO
    if not (is_sparse or is_dense) or (ratio < _STAR_RATIO and _are_stars(planes, alone)):
        return Dots()
    levels = _levels(samples[sharp])
    shares = [float(np.mean([plane.isolated(blur).mean() for plane in planes])) for blur in _BLURS]
    fitting = [
        blur for blur, share, clean in zip(_BLURS, shares, _CLEAN_SHARES, strict=True) if share >= _TIMES_CLEAN * clean
    ]
    if levels is not None:
        return Dots("extreme" if set(levels) <= {0, 255} else "level", float(sharp.mean()), levels=levels)
    return Dots("any", float(sharp.mean()), blur=max(fitting, default=_BLURS[0]))


def find_dots(pixels: FloatArray, dots: Dots) -> Mask:
    """Return which samples are dots, (H, W, 3), of a picture with such dots.

    Of the kind "extreme" the models find them by themselves; none are returned here.

    Args:
        pixels: (H, W, 3), range [0, 1].
        dots: what `measure_dots` says of the picture.
    """
    samples = _samples_of(pixels)
    if dots.kind == "speck":
        return np.repeat(_specks(samples[..., 1])[0][..., None], 3, axis=2)
    if dots.kind == "level":
        return np.stack([_of_levels(samples[..., channel], dots.levels) for channel in range(3)], axis=2)
    if dots.kind == "any":
        return np.stack([_Plane(samples[..., channel]).isolated(dots.blur) for channel in range(3)], axis=2)
    return np.zeros(samples.shape, np.bool_)


def smooth_smears(pixels: FloatArray, dots: Dots) -> FloatArray:
    """Return a picture whose dots are gone without what compression or resizing smeared of them over their neighbours.

    Args:
        pixels: (H, W, 3), range [0, 1].
    """
    if dots.kind != "any" or dots.blur < _BLURS[-1]:
        return pixels
    return np.asarray(cv2.medianBlur(np.ascontiguousarray(pixels), 3), dtype=np.float32)


class _Plane:
    """One channel, its median, and how far its samples and their neighbours are from that."""

    def __init__(self, samples: Samples) -> None:
        self.samples = np.ascontiguousarray(samples)
        self.median: Samples = np.asarray(cv2.medianBlur(self.samples, 5), dtype=np.uint8)
        self.heights: Samples = np.asarray(cv2.absdiff(self.samples, self.median), dtype=np.uint8)
        rows, columns = samples.shape
        padded = cv2.copyMakeBorder(self.heights, 1, 1, 1, 1, cv2.BORDER_REFLECT_101)
        around = np.stack(
            [padded[top : top + rows, left : left + columns] for top, left in np.ndindex(3, 3) if (top, left) != (1, 1)]
        )
        around.sort(axis=0)
        self.low_mean: FloatArray = around[:6].mean(axis=0, dtype=np.float32)
        self.second, self.highest = around[6], around[7]

    def isolated(self, blur: float) -> Mask:
        """Return which samples stand out, one neighbour of their kind allowed."""
        heights = self.heights.astype(np.float32)
        return (self.heights > _LEAST_HEIGHT) & (self.second <= 2 * blur * heights) & (self.low_mean <= blur * heights)

    @property
    def peaks(self) -> Mask:
        """All samples that stand out more than their neighbours."""
        return (self.heights > _LEAST_HEIGHT) & (self.heights >= self.highest)

    @property
    def alone(self) -> Mask:
        """Samples round which, two samples away, nothing stands out."""
        ring = np.ones((5, 5), np.uint8)
        ring[1:4, 1:4] = 0
        return np.asarray(cv2.dilate(self.heights, ring) <= _ALONE_HEIGHT * self.heights)


def _samples_of(pixels: FloatArray) -> Samples:
    return np.asarray(quantize(pixels, bit_depth=8), dtype=np.uint8)


def _share_of_extremes(samples: Samples, medians: Samples) -> float:
    """Return the share of black and white samples far from their median where both are many, else 0.

    Drawings and text are black and white all over, or have dots of one of the two only.
    """
    far = cv2.absdiff(samples, medians) > _EXTREME_HEIGHT
    black, white = far & (samples == 0), far & (samples == 255)
    share = float(black.mean() + white.mean())
    flat = float(np.mean(((samples == 0) | (samples == 255)) & ~far))
    is_both = min(black.mean(), white.mean()) >= _EXTREME_EACH * share
    return share if share >= _EXTREME_SHARE and is_both and flat < _MOST_FLAT else 0.0


def _are_stars(planes: list[_Plane], alone: Mask) -> bool:
    """Tell whether what stands out alone is bright, without colour, and on black."""
    if not alone.any():
        return False
    is_dark = np.stack([plane.median < _STAR_SKY for plane in planes], axis=2)
    is_bright = np.stack([plane.samples > plane.median for plane in planes], axis=2)
    return float(np.mean((is_dark & is_bright)[alone])) >= _STAR_SHARE


def _levels(values: Samples) -> tuple[int, int] | None:
    """Return the two values that nearly all dots have, twice the same where it is one; None where they have many."""
    counts = np.bincount(values.ravel(), minlength=256).astype(np.float64)
    first = _peak(counts)
    rest = counts.copy()
    rest[max(0, first - 2 * _LEVEL_PX) : first + 2 * _LEVEL_PX + 1] = 0
    second = _peak(rest)
    total = max(1.0, counts.sum())
    shares = [float(counts[max(0, each - _LEVEL_PX) : each + _LEVEL_PX + 1].sum() / total) for each in (first, second)]
    if shares[0] >= _LEVEL_SHARE:
        return first, first
    return (min(first, second), max(first, second)) if sum(shares) >= _LEVEL_SHARE else None


def _peak(counts: npt.NDArray[np.float64]) -> int:
    """Return the middle of the values that most have, one to either side taken in."""
    near = np.convolve(counts, np.ones(2 * _LEVEL_PX + 1), mode="same")
    return int((near + 1e-3 * counts).argmax())


def _of_levels(samples: Samples, levels: tuple[int, int]) -> Mask:
    """Return which samples have one of two values, and do not lie in an area of it."""
    found = np.zeros(samples.shape, np.bool_)
    for level in levels:
        here = np.abs(samples.astype(np.int16) - level) <= _LEVEL_PX
        share = cv2.blur(here.astype(np.float32), (5, 5), borderType=cv2.BORDER_REFLECT)
        found |= here & (share < _AREA_SHARE)
    median = cv2.medianBlur(np.ascontiguousarray(samples), 5)
    return found & (cv2.absdiff(np.ascontiguousarray(samples), median) > _LEAST_HEIGHT // 2)


def _is_bilevel(samples: Samples) -> bool:
    """Tell whether a picture is black and white without gray, as scanned text is."""
    is_end = (samples < 8) | (samples > 247)
    return bool(is_end.all(axis=2).mean() >= _BILEVEL_SHARE) and bool(np.ptp(samples, axis=2).max() < 16)


def _measure_specks(plane: Samples) -> Dots:
    found, marks = _specks(plane)
    count = int(np.count_nonzero(found))
    is_dirty = found.mean() >= _SPECK_SHARE and count >= _SPECKS_PER_MARK * marks
    return Dots("speck", float(found.mean())) if is_dirty else Dots()


def _specks(plane: Samples) -> tuple[Mask, int]:
    """Return black or white samples with none of their kind within two samples, and the number of larger marks.

    Dots of letters and full stops lie nearer to other ink.
    """
    found = np.zeros(plane.shape, np.bool_)
    marks = 0
    for ink in (plane < 128, plane >= 128):
        ink8 = ink.astype(np.uint8)
        near = cv2.filter2D(ink8, cv2.CV_32F, np.ones((5, 5), np.float32), borderType=cv2.BORDER_CONSTANT)
        found |= ink & (near < 1.5)
        count, _, boxes, _ = cv2.connectedComponentsWithStats(ink8, connectivity=8)
        marks += int(np.count_nonzero(boxes[1:count, cv2.CC_STAT_AREA] > 2))
    return found, marks
