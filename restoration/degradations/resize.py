"""Loss of resolution."""

from __future__ import annotations

import numpy as np
from PIL import Image

from restoration.arrays import FloatArray


def downscale(image: FloatArray, *, scale: int, rng: np.random.Generator | None = None) -> FloatArray:
    """Shrink by antialiased bicubic interpolation (a = -0.5), the degradation of the super-resolution papers.

    Args:
        image: (H, W, C), range [0, 1]; rows and columns beyond a multiple of `scale` are cut off.
        scale: whole factor; 1 returns the image unchanged.
        rng: unused, present because every degradation takes one.

    Returns:
        (H // scale, W // scale, C) float32, clipped to [0, 1].
    """
    if scale == 1:
        return image
    height, width = image.shape[0] // scale, image.shape[1] // scale
    cropped = image[: height * scale, : width * scale]
    channels = [
        np.asarray(Image.fromarray(cropped[..., c]).resize((width, height), Image.Resampling.BICUBIC))
        for c in range(cropped.shape[2])
    ]
    return np.clip(np.stack(channels, axis=2), 0.0, 1.0).astype(np.float32)


def downscale_matrix(length: int, *, scale: int) -> FloatArray:
    """Return what `downscale` does along one axis, before it clips, as a matrix: (length // scale, length) float32.

    An image shrunk by it on both sides, `rows @ image @ columns.T`, is that of `downscale`; so a loss can compare
    with a shrunk picture and know its gradient.

    Args:
        length: of the axis, a multiple of `scale`.
    """
    unit = Image.fromarray(np.eye(length, dtype=np.float32))
    return np.array(unit.resize((length, length // scale), Image.Resampling.BICUBIC), dtype=np.float32)
