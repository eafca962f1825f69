"""Sample pictures of a training run: input, output and reference, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor
from torch.nn import functional

_SIDE_PX = 128


def write_triples(rows: Sequence[tuple[Tensor, Tensor, Tensor]], file: Path) -> None:
    """Write the centres of pictures at their full size as one PNG, a row for each triple.

    Args:
        rows: damaged, restored and reference, each (1, 1 or 3, H, W) in [0, 1]; damaged ones may be smaller.

    Raises:
        OSError: the file cannot be written.
    """
    sheet = np.concatenate([np.concatenate([_shown(each, row[2]) for each in row], axis=1) for row in rows])
    _, content = cv2.imencode(".png", sheet[..., ::-1])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.tobytes())


def _shown(picture: Tensor, reference: Tensor) -> np.ndarray:
    """Return the centre as (side, side, 3) uint8; a smaller picture is enlarged pixel by pixel first."""
    scale = max(1, round(reference.shape[3] / picture.shape[3]))
    large = functional.interpolate(picture.float().cpu(), scale_factor=scale, mode="nearest")
    side = min(_SIDE_PX, *reference.shape[2:])
    top, left = (large.shape[2] - side) // 2, (large.shape[3] - side) // 2
    cut = large[0, :, top : top + side, left : left + side].expand(3, -1, -1).clamp(0, 1)
    return np.asarray((cut * 255).round().byte().permute(1, 2, 0).numpy())
