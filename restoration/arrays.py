"""The arrays that every floor passes on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
"""A picture, (H, W, 3), RGB in [0, 1], unless a docstring says otherwise."""
Mask = npt.NDArray[np.bool_]
"""(H, W), True = fill: the one form of a mask once it has been read."""
