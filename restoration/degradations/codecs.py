"""Compression of photographs in today's files, on any place of the grid of blocks."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
from PIL import Image

from restoration.arrays import FloatArray
from restoration.degradations.jpeg import compress_jpeg

_GRID_PX = 16
_AVIF_SPEED = 9


def compress_web(
    image: FloatArray, *, rng: np.random.Generator | None = None, kind: Literal["webp", "avif"], quality: int
) -> FloatArray:
    """Return the image as a WebP or AVIF file of that quality, 1-100, gives it back.

    Args:
        image: (H, W, 3), range [0, 1].
        rng: not used.
    """
    samples = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    stream = io.BytesIO()
    if kind == "webp":
        Image.fromarray(samples).save(stream, "WEBP", quality=quality, method=2)
    else:
        Image.fromarray(samples).save(stream, "AVIF", quality=quality, speed=_AVIF_SPEED)
    with Image.open(stream, formats=(kind.upper(),)) as compressed:
        back = np.asarray(compressed.convert("RGB"), dtype=np.float32)
    return back / np.float32(255)


def compress_on_any_grid(image: FloatArray, *, rng: np.random.Generator, quality: int, full_colour: bool) -> FloatArray:
    """Compress as JPEG, as if the image (H, W, 3) had been cut from one whose blocks begin elsewhere."""
    height, width = image.shape[:2]
    top, left = (int(shift) for shift in rng.integers(0, _GRID_PX, 2))
    below, right = (-(top + height) % _GRID_PX, -(left + width) % _GRID_PX)
    larger = np.pad(image, ((top, below), (left, right), (0, 0)), mode="symmetric")
    compressed = compress_jpeg(larger, quality=quality, full_colour=full_colour)
    return np.ascontiguousarray(compressed[top : top + height, left : left + width])
