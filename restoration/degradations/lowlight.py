"""Pictures taken with too little light."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from restoration.degradations.noise import add_camera_noise

FloatArray = npt.NDArray[np.float32]

_GAMMA = 2.2


def darken(
    image: FloatArray, *, rng: np.random.Generator, stops: float, shot: float = 0.0, read: float = 0.0
) -> FloatArray:
    """Take light away in linear light, add camera noise there, and encode again.

    Args:
        image: (H, W, C), range [0, 1], gamma-encoded.
        stops: exposure steps less; every one halves the light. 0 takes none away.
        shot, read: noise as in `add_camera_noise`, in linear light after darkening.
    """
    if stops == 0 and shot == 0 and read == 0:
        return image
    linear = np.clip(image, 0, 1) ** _GAMMA * np.float32(2.0**-stops)
    noisy = add_camera_noise(linear.astype(np.float32), rng=rng, shot=shot, read=read)
    return (np.clip(noisy, 0, 1) ** (1 / _GAMMA)).astype(np.float32)
