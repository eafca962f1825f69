"""The luma channel on which super-resolution papers score."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_WEIGHTS = np.array([65.481, 128.553, 24.966]) / 255.0
_OFFSET = 16.0 / 255.0


def to_y(rgb: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return Y of YCbCr (ITU-R BT.601, studio range as in MATLAB's rgb2ycbcr), shape (H, W), 16/255 to 235/255.

    Args:
        rgb: (H, W, 3), range [0, 1].
    """
    return rgb.astype(np.float64) @ _WEIGHTS + _OFFSET
