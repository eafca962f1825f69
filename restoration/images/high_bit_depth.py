"""Decoding what Pillow cannot hold: PNG, HEIC and AVIF files with more than 8 bits per channel."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pillow_heif

from restoration.errors import CorruptImage, UnsupportedImage
from restoration.images.limits import damaged
from restoration.images.opening import PictureFile
from restoration.images.samples import Samples, with_clear_level


def read_deep(file: PictureFile) -> Samples:
    """Decode a PNG, HEIC or AVIF file with all its bits.

    Raises:
        CorruptImage: it is damaged.
        UnsupportedImage: OpenCV was built without AVIF.
    """
    if file.format == "HEIF":
        frames = pillow_heif.open_heif(io.BytesIO(file.data), convert_hdr_to_8bit=False)
        return Samples(values=np.asarray(frames[frames.primary_index]), white=_shifted_white(file.bits))
    decoded = cv2.imdecode(np.frombuffer(file.data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None:
        if file.format == "AVIF":
            message = (
                f"AVIF files with {file.bits} bits need an OpenCV with AVIF, which is missing here; save it as PNG."
            )
            raise UnsupportedImage(message)
        raise CorruptImage(damaged(file.format))
    values = np.asarray(decoded)  # in the order BGR
    if values.ndim == 3 and values.shape[2] >= 3:
        values = np.concatenate([values[..., 2::-1], values[..., 3:]], axis=2)
    if file.is_gray and values.ndim == 3 and values.shape[2] >= 3:
        values = values[..., [0, 3]] if values.shape[2] == 4 else values[..., 0]
    if file.format == "AVIF":  # samples are not shifted: 10 bits are 0 to 1023
        return Samples(values=values, orientation=file.orientation, white=(2**file.bits - 1) / 65535)
    if values.ndim == 2 and file.image is not None:
        values = with_clear_level(values, file.image.info.get("transparency"))
    return Samples(values=values, orientation=file.orientation)


def _shifted_white(bits: int) -> float:
    """Return the value of white where samples of so many bits were shifted to 16."""
    return ((2**bits - 1) << (16 - bits)) / 65535
