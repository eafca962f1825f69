"""Masks of damage: scratches, dust, folds, text, brush strokes, boxes. True = damaged.

`draw_holes` mixes them all, from a hair on 0.3 % of the picture to a third of it, for training and for tests.

Reference:
    Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, 2018, arXiv:1804.07723 (irregular);
    Yu et al., Free-Form Image Inpainting with Gated Convolution, 2018, arXiv:1806.03589 (strokes of a brush);
    Suvorov et al., Resolution-robust Large Mask Inpainting with Fourier Convolutions, 2021, arXiv:2109.07161 (thick
    strokes and boxes).
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from restoration.arrays import Mask

Mask = Mask
Kind = Literal["scratches", "dust", "folds", "text", "strokes", "boxes"]

LEAST_SHARE, MOST_SHARE = 0.003, 0.30
THIN_SHARE = (LEAST_SHARE, 0.10)
_MOST_ELEMENTS = 400
_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
)
_LETTERS = np.array(list(string.ascii_letters + string.digits + " .,:'/-"))


def draw_scratches(height: int, width: int, *, rng: np.random.Generator, count: int, thickness_px: int = 3) -> Mask:
    """Return a mask (True = damaged) of `count` wavy scratches that cross the picture."""
    canvas = np.zeros((height, width), dtype=np.uint8)
    for _ in range(count):
        _scratch(canvas, rng, thickness_px=thickness_px)
    return canvas > 0


def draw_text(height: int, width: int, *, text: str, lines: int, thickness_px: int = 2) -> Mask:
    """Return a mask (True = damaged) of a date stamp or caption written `lines` times down the picture."""
    canvas = np.zeros((height, width), dtype=np.uint8)
    size = width / 560
    for line in range(lines):
        place = (int(0.06 * width), int(height * (line + 0.7) / lines))
        cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, 255, thickness_px, cv2.LINE_AA)
    return canvas > 0


def draw_blobs(height: int, width: int, *, rng: np.random.Generator, count: int, radius_px: int) -> Mask:
    """Return a mask (True = damaged) of round spots, such as mould or dust."""
    canvas = np.zeros((height, width), dtype=np.uint8)
    for _ in range(count):
        _spot(canvas, rng, radius_px=radius_px)
    return canvas > 0


def draw_kind(height: int, width: int, *, rng: np.random.Generator, kind: Kind, share: float) -> Mask:
    """Return a mask of one kind of damage that covers at least `share` of the picture, and as little more as its
    elements allow."""
    canvas = np.zeros((height, width), dtype=np.uint8)
    for _ in range(_MOST_ELEMENTS):
        _DRAW[kind](canvas, rng, share)
        if cv2.countNonZero(canvas) >= share * canvas.size:
            break
    return canvas > 0


def draw_holes(
    height: int, width: int, *, rng: np.random.Generator, thin_share: tuple[float, float] = THIN_SHARE
) -> Mask:
    """Return a mask of one or two random kinds of damage.

    Strokes of a brush and boxes cover 1 to 30 % of the picture, as asked for: what is drawn may overshoot by a third.
    Where there are two rows, at least one pixel is damaged, at least one is sound.

    Args:
        thin_share: least and most that one kind of thin damage covers.
    """
    mask = np.zeros((height, width), np.bool_)
    for _ in range(2 if rng.random() < 0.2 else 1):
        kind = _KINDS[int(rng.choice(len(_KINDS), p=_CHANCES))]
        low, high = (0.01, MOST_SHARE) if kind in ("strokes", "boxes") else thin_share
        share = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        drawn = mask | draw_kind(height, width, rng=rng, kind=kind, share=share)
        if drawn.mean() <= 1.3 * MOST_SHARE:
            mask = drawn
    if not mask.any():
        mask[int(rng.integers(height)), int(rng.integers(width))] = True
    if mask.all():
        mask[0] = False
    return mask


def draw_wide_holes(height: int, width: int, *, rng: np.random.Generator) -> Mask:
    """Return a mask of brush strokes on 5 to 45 % of the picture or of boxes on 5 to 20 %, or a third more."""
    share = float(np.exp(rng.uniform(np.log(0.05), np.log(0.45))))
    if rng.random() < _BOXES_AMONG_WIDE:
        return draw_kind(height, width, rng=rng, kind="boxes", share=min(share, 0.2))
    return draw_kind(height, width, rng=rng, kind="strokes", share=share)


def _scratch(canvas: npt.NDArray[np.uint8], rng: np.random.Generator, *, thickness_px: int) -> None:
    """Draw a wavy line between two random points."""
    height, width = canvas.shape
    steps = np.linspace(0, 1, 24)
    start, stop = rng.uniform(0, 1, 2), rng.uniform(0, 1, 2)
    path = start + steps[:, None] * (stop - start)
    path += np.cumsum(rng.normal(0, 0.008, (len(steps), 2)), axis=0)
    points = np.rint(path * (width, height)).astype(np.int32)
    cv2.polylines(canvas, [points], isClosed=False, color=255, thickness=int(rng.integers(1, thickness_px + 1)))


def _hair(canvas: npt.NDArray[np.uint8], rng: np.random.Generator, share: float) -> None:
    """Draw a scratch: hair-thin to 5 px, often nearly upright as on film, sometimes broken."""
    height, width = canvas.shape
    thickness = int(rng.integers(1, 4 if share < 0.04 else 6))
    if rng.random() < 0.5:
        _scratch(canvas, rng, thickness_px=thickness)
        return
    column, lean = rng.uniform(0, width), rng.normal(0, 0.05 * width)
    top, bottom = np.sort(rng.uniform(-0.2, 1.2, 2)) * height
    rows = np.linspace(top, bottom, 12)
    columns = column + lean * (rows - top) / max(1.0, bottom - top) + np.cumsum(rng.normal(0, 0.7, len(rows)))
    points = np.rint(np.stack([columns, rows], axis=1)).astype(np.int32)
    for first in range(0, len(points) - 1, 3):
        if rng.random() < 0.85:
            cv2.polylines(canvas, [points[first : first + 4]], isClosed=False, color=255, thickness=thickness)


def _spot(canvas: npt.NDArray[np.uint8], rng: np.random.Generator, *, radius_px: int) -> None:
    """Draw an ellipse."""
    height, width = canvas.shape
    centre = (int(rng.integers(width)), int(rng.integers(height)))
    axes = tuple(int(axis) for axis in rng.integers(max(1, radius_px // 2), radius_px + 1, 2))
    cv2.ellipse(canvas, centre, axes, float(rng.uniform(0, 180)), 0, 360, 255, thickness=-1)


def _dust(canvas: npt.NDArray[np.uint8], rng: np.random.Generator, share: float) -> None:
    """Draw a few specks, or a fibre curled up."""
    if rng.random() < 0.2:
        centre, turn = rng.uniform(0, 1, 2) * canvas.shape[::-1], rng.uniform(0, 2 * np.pi)
        angles = turn + np.cumsum(rng.normal(0.15, 0.35, 14))
        steps = np.stack([np.cos(angles), np.sin(angles)], axis=1) * rng.uniform(1.5, 4)
        points = np.rint(centre + np.cumsum(steps, axis=0)).astype(np.int32)
        cv2.polylines(canvas, [points], isClosed=False, color=255, thickness=int(rng.integers(1, 3)))
        return
    for _ in range(int(rng.integers(1, 6))):
        _spot(canvas, rng, radius_px=int(rng.choice([1, 1, 2, 3, 5, 9])))


def _fold(canvas: npt.NDArray[np.uint8], rng: np.random.Generator, share: float) -> None:
    """Draw a crease: a jagged line right across, with flakes of lost paper along it."""
    height, width = canvas.shape
    angle, offset = rng.uniform(0, np.pi), rng.uniform(-0.4, 0.4) * min(height, width)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    places = np.linspace(-0.75, 0.75, 40) * max(height, width)
    jitter = rng.normal(0, 1.0, len(places))
    points = np.array([width, height]) / 2 + places[:, None] * along + (offset + jitter)[:, None] * across
    corners = np.rint(points).astype(np.int32)
    cv2.polylines(canvas, [corners], isClosed=False, color=255, thickness=int(rng.integers(1, 5)))
    for corner in corners[rng.random(len(corners)) < 0.3]:
        axes = tuple(int(axis) for axis in rng.integers(1, 7, 2))
        cv2.ellipse(canvas, corner.tolist(), axes, float(np.degrees(angle)), 0, 360, 255, thickness=-1)


def _caption(canvas: npt.NDArray[np.uint8], rng: np.random.Generator, share: float) -> None:
    """Draw a line of random letters, level or upright."""
    height, width = canvas.shape
    letters = "".join(rng.choice(_LETTERS, int(rng.integers(4, 22))))
    size, thickness = float(rng.uniform(0.35, 1.6)), int(rng.integers(1, 4))
    line = np.zeros_like(canvas)
    place = (int(rng.uniform(-0.2, 0.6) * width), int(rng.uniform(0.1, 1.05) * height))
    cv2.putText(line, letters, place, int(rng.choice(_FONTS)), size, 255, thickness)
    if rng.random() < 0.15 and height == width:
        line = np.ascontiguousarray(line.T)
    np.maximum(canvas, line, out=canvas)


def _stroke(canvas: npt.NDArray[np.uint8], rng: np.random.Generator, share: float) -> None:
    """Draw one stroke of a brush: straight pieces with round corners that turn at random."""
    side = min(canvas.shape)
    radius = max(2.0, side * float(rng.uniform(0.02, 0.03 + 0.35 * share)))
    point = rng.uniform(0, 1, 2) * canvas.shape[::-1]
    angle = rng.uniform(0, 2 * np.pi)
    for _ in range(int(rng.integers(1, 7))):
        angle += rng.uniform(-1.9, 1.9)
        target = point + side * rng.uniform(0.05, 0.35) * np.array([np.cos(angle), np.sin(angle)])
        target = np.clip(target, 0, np.array(canvas.shape[::-1]))
        ends = np.rint([point, target]).astype(int).tolist()
        cv2.line(canvas, ends[0], ends[1], 255, thickness=max(1, round(2 * radius)))
        point = target


def _box(canvas: npt.NDArray[np.uint8], rng: np.random.Generator, share: float) -> None:
    """Draw a rectangle."""
    height, width = canvas.shape
    area = share * height * width * rng.uniform(0.3, 1.0)
    ratio = float(np.exp(rng.uniform(-0.9, 0.9)))
    down = int(np.clip(np.sqrt(area * ratio), 2, height))
    across = int(np.clip(np.sqrt(area / ratio), 2, width))
    top, left = int(rng.integers(-down // 4, height - down // 2)), int(rng.integers(-across // 4, width - across // 2))
    cv2.rectangle(canvas, (left, top), (left + across - 1, top + down - 1), 255, thickness=-1)


_Draw = Callable[[npt.NDArray[np.uint8], np.random.Generator, float], None]
_DRAW: Mapping[Kind, _Draw] = {
    "scratches": _hair,
    "dust": _dust,
    "folds": _fold,
    "text": _caption,
    "strokes": _stroke,
    "boxes": _box,
}
_KINDS = tuple(_DRAW)
_CHANCES = (0.24, 0.12, 0.08, 0.18, 0.26, 0.12)
_BOXES_AMONG_WIDE = 0.3
