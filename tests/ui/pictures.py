"""Small pictures for tests, as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image

SIZE = (96, 64)


def pixels() -> np.ndarray:
    """Return a smooth picture with some grain, (H, W, 3) uint8."""
    width, height = SIZE
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    smooth = np.stack([x, y, 0.5 + 0.4 * np.sin(6 * x)], axis=2) * 200 + 20
    noise = np.random.default_rng(7).normal(0, 12, smooth.shape)
    return np.clip(smooth + noise, 0, 255).astype(np.uint8)


def write_picture(path: Path) -> Path:
    """Write the picture in the format of the path's ending."""
    if path.suffix == ".heic":
        pillow_heif.from_pillow(Image.fromarray(pixels())).save(path, quality=95)
        return path
    Image.fromarray(pixels()).save(path)
    return path


def mask() -> np.ndarray:
    """Return a mask with a rectangular hole, (H, W) bool."""
    holes = np.zeros((SIZE[1], SIZE[0]), dtype=bool)
    holes[20:36, 30:60] = True
    return holes


def write_mask(path: Path) -> Path:
    """Write the mask: white is to be filled."""
    Image.fromarray(mask().astype(np.uint8) * 255).save(path)
    return path
