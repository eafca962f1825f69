"""JPEG deblocking by re-application: the average of the picture compressed again on shifted block grids.

Reference:
    Nosratinia, Denoising JPEG Images by Re-Application of JPEG, 1998, doi:10.1109/MMSP.1998.738999.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from restoration.arrays import FloatArray, Mask
from restoration.models.shared.contract import Contract
from restoration.models.shared.restorers import ArrayRestorer
from restoration.types import Parameters

_BLOCK_PX = 8


class JpegDeblock(ArrayRestorer):
    """Compress on all 64 grids with the quality the picture was saved with, and average."""

    def restore_array(self, image: FloatArray, *, parameters: Parameters, mask: Mask | None = None) -> FloatArray:
        quality = int(parameters["quality"])
        padded = np.pad(image, ((_BLOCK_PX, _BLOCK_PX), (_BLOCK_PX, _BLOCK_PX), (0, 0)), mode="symmetric")
        samples = np.rint(np.clip(padded, 0, 1) * 255).astype(np.uint8)
        total = np.zeros_like(image)
        height, width = image.shape[:2]
        for row in range(_BLOCK_PX):
            for column in range(_BLOCK_PX):
                again = _compress(np.ascontiguousarray(samples[row:, column:]), quality)
                top, left = _BLOCK_PX - row, _BLOCK_PX - column
                total += again[top : top + height, left : left + width]
        return total / np.float32(_BLOCK_PX**2 * 255)


def _compress(samples: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    """Return the picture as JPEG gives it back; channel order does not matter as it is the same in and out."""
    _, data = cv2.imencode(".jpg", samples[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None, "OpenCV could not read its own JPEG"
    return np.asarray(decoded[..., ::-1], dtype=np.uint8)


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> JpegDeblock:
    """Build the filter; it has neither configuration nor weights."""
    return JpegDeblock(
        Contract(
            overlap_px=16,
            tile_align_px=16,
            cpu_tile_px=768,
            cpu_whole_px=1024,
            runs_on_device=False,
            activation_bytes_per_pixel=100.0,
        )
    )
