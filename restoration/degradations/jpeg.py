"""JPEG compression."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

FloatArray = npt.NDArray[np.float32]


def compress_jpeg(
    image: FloatArray, *, rng: np.random.Generator | None = None, quality: int, is_gray: bool = False
) -> FloatArray:
    """Return the image as a JPEG file of that quality gives it back (colour at half resolution, as most cameras).

    Args:
        image: (H, W, 3), range [0, 1].
        rng: not used.
        quality: 1-100 as in libjpeg.
        is_gray: compress the first channel as a gray file and return it in all channels.
    """
    samples = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(samples[..., 0] if is_gray else samples).save(stream, "JPEG", quality=quality)
    with Image.open(stream, formats=("JPEG",)) as compressed:
        back = np.asarray(compressed.convert("RGB"), dtype=np.float32)
    return back / np.float32(255)
