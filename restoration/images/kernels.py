"""Blur kernels from pictures of them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from restoration.arrays import FloatArray
from restoration.errors import InvalidParameter
from restoration.images.decode import ImageSource, read
from restoration.images.encode import write
from restoration.images.picture import Picture, gray_of

MAX_KERNEL_PX = 129


def read_kernel(source: ImageSource) -> FloatArray:
    """Read a blur kernel: the brighter a pixel, the more of the light went there.

    Returns:
        (k, k') float32, both sides odd (a line of zeros is added where one is even), sum 1.

    Raises:
        InvalidParameter: larger than 129 px, or black.
        InvalidImage: not a picture.
    """
    picture = read(source)
    if max(picture.width, picture.height) > MAX_KERNEL_PX:
        raise InvalidParameter(
            f"The kernel is {picture.size_text} but may have at most {MAX_KERNEL_PX} px a side; crop it to the spot.",
            name="kernel",
        )
    light = gray_of(picture.pixels).astype(np.float64)
    if light.sum() <= 0:
        raise InvalidParameter("The kernel is black; it must show a bright spot or streak.", name="kernel")
    light = np.pad(light, ((0, 1 - light.shape[0] % 2), (0, 1 - light.shape[1] % 2)))
    return (light / light.sum()).astype(np.float32)


def kernel_picture(kernel: FloatArray) -> Picture:
    """Return a gray 16-bit picture of a kernel (k, k'), its largest weight white; `read_kernel` reads it again."""
    light = np.asarray(kernel / kernel.max(), dtype=np.float32)
    return Picture(np.repeat(light[..., None], 3, axis=2), bit_depth=16, is_gray=True)


def write_kernel(kernel: FloatArray, path: str | os.PathLike[str]) -> Path:
    """Write the picture of a kernel in the format of the path's ending; PNG and TIFF keep 16 bits.

    Raises:
        InvalidRequest: the ending is unknown, or the folder cannot be written.
    """
    return write(kernel_picture(kernel), path)
