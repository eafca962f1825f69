"""JPEG compression."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from restoration.arrays import FloatArray


def compress_jpeg(
    image: FloatArray,
    *,
    rng: np.random.Generator | None = None,
    quality: int,
    is_gray: bool = False,
    full_colour: bool = False,
) -> FloatArray:
    """Return the image after JPEG compression of the given quality.

    Args:
        image: (H, W, 3), range [0, 1].
        rng: not used.
        quality: 1-100 as in libjpeg.
        is_gray: compress the first channel as a gray file and return it in all channels.
        full_colour: keep colour at full resolution (4:4:4) instead of half (4:2:0), as most cameras and sites have it.
    """
    samples = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    stream = io.BytesIO()
    subsampling = "4:4:4" if full_colour else "4:2:0"
    Image.fromarray(samples[..., 0] if is_gray else samples).save(
        stream, "JPEG", quality=quality, subsampling=subsampling
    )
    with Image.open(stream, formats=("JPEG",)) as compressed:
        back = np.asarray(compressed.convert("RGB"), dtype=np.float32)
    return back / np.float32(255)
