"""Damage to be painted over: scratches and spots."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt


def draw_scratches(
    height: int, width: int, *, rng: np.random.Generator, count: int, thickness_px: int = 3
) -> npt.NDArray[np.bool_]:
    """Return a mask (True = damaged) of `count` wavy scratches that cross the picture."""
    canvas = np.zeros((height, width), dtype=np.uint8)
    for _ in range(count):
        steps = np.linspace(0, 1, 24)
        start, stop = rng.uniform(0, 1, 2), rng.uniform(0, 1, 2)
        path = start + steps[:, None] * (stop - start)
        path += np.cumsum(rng.normal(0, 0.008, (len(steps), 2)), axis=0)
        points = np.rint(path * (width, height)).astype(np.int32)
        thickness = int(rng.integers(1, thickness_px + 1))
        cv2.polylines(canvas, [points], isClosed=False, color=255, thickness=thickness)
    return canvas > 0


def draw_text(height: int, width: int, *, text: str, lines: int, thickness_px: int = 2) -> npt.NDArray[np.bool_]:
    """Return a mask (True = damaged) of a date stamp or caption written `lines` times down the picture."""
    canvas = np.zeros((height, width), dtype=np.uint8)
    size = width / 560
    for line in range(lines):
        place = (int(0.06 * width), int(height * (line + 0.7) / lines))
        cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, 255, thickness_px, cv2.LINE_AA)
    return canvas > 0


def draw_blobs(
    height: int, width: int, *, rng: np.random.Generator, count: int, radius_px: int
) -> npt.NDArray[np.bool_]:
    """Return a mask (True = damaged) of round spots, such as mould or dust."""
    canvas = np.zeros((height, width), dtype=np.uint8)
    for _ in range(count):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        axes = tuple(int(axis) for axis in rng.integers(max(1, radius_px // 2), radius_px + 1, 2))
        cv2.ellipse(canvas, centre, axes, float(rng.uniform(0, 180)), 0, 360, 255, thickness=-1)
    return canvas > 0
