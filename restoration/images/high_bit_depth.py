"""Decoding what Pillow cannot hold: PNG, TIFF and HEIC files with more than 8 bits per channel."""

from __future__ import annotations

import io
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
import pillow_heif
import tifffile
from PIL import Image

from restoration.errors import CorruptImage, UnsupportedImage
from restoration.images.header import bits_per_channel, damaged, format_name, has_gray_samples
from restoration.images.metadata import orientation_of
from restoration.images.samples import Samples, with_clear_level

_EXTRA_SAMPLES_TAG = 338
_READ_COLOUR_SPACES = (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.MINISWHITE, tifffile.PHOTOMETRIC.RGB)


def read_deep(image: Image.Image, data: bytes) -> Samples:
    """Decode 16-bit and float PNG and TIFF files through OpenCV, which keeps all bits; its order is BGR."""
    if image.format in ("HEIF", "AVIF"):
        frames = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
        return Samples(
            values=np.asarray(frames[frames.primary_index]),
            white=_shifted_white(bits_per_channel(image, data)),
        )
    if image.format == "TIFF" and not _is_plain_tiff(image):
        return Samples(values=_rare_tiff(data), orientation=orientation_of(image))
    decoded = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None:
        raise CorruptImage(damaged(format_name(image)))
    values = np.asarray(decoded)
    if values.ndim == 3 and values.shape[2] >= 3:
        values = np.concatenate([values[..., 2::-1], values[..., 3:]], axis=2)
    if has_gray_samples(image, data) and values.ndim == 3 and values.shape[2] >= 3:
        values = values[..., [0, 3]] if values.shape[2] == 4 else values[..., 0]
    if image.format != "TIFF":
        if values.ndim == 2:
            values = with_clear_level(values, image.info.get("transparency"))
        return Samples(values=values, orientation=orientation_of(image))
    # OpenCV turns TIFF pictures upright by itself
    meaning = _extra_channel(image) if values.ndim == 3 and values.shape[2] == 4 else ""
    return Samples(
        values=values[..., :3] if meaning == "unknown" else values, is_premultiplied=meaning == "premultiplied"
    )


def _shifted_white(bits: int) -> float:
    """Return the value of white where samples of so many bits were shifted to 16."""
    return ((2**bits - 1) << (16 - bits)) / 65535


def _extra_channel(image: Image.Image) -> Literal["unknown", "premultiplied", "alpha"]:
    """Return what the fourth channel of a TIFF file is."""
    kind = image.tag_v2.get(_EXTRA_SAMPLES_TAG, (0,))  # type: ignore[attr-defined]
    first = kind[0] if isinstance(kind, tuple) and kind else kind
    return "alpha" if first == 2 else "premultiplied" if first == 1 else "unknown"


def _is_plain_tiff(image: Image.Image) -> bool:
    """Tell whether OpenCV reads a deep TIFF rightly: interleaved gray with black at 0, RGB or RGBA.

    Of separate colour planes it fills only the first third of the picture, and it ignores white at 0.
    """
    tags = image.tag_v2  # type: ignore[attr-defined]
    photometric, planar, samples = (tags.get(tag, default) for tag, default in ((262, 1), (284, 1), (277, 1)))
    return planar == 1 and (photometric, samples) in ((1, 1), (2, 3), (2, 4))


def _rare_tiff(data: bytes) -> npt.NDArray[Any]:
    """Return the samples of a deep TIFF that OpenCV reads wrongly, (H, W[, C])."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        colour_space = tifffile.PHOTOMETRIC(page.photometric)
        if colour_space not in _READ_COLOUR_SPACES:
            kind = colour_space.name
            raise UnsupportedImage(f"TIFF files with 16 bits in the colour space {kind} are not read; save it as RGB.")
        try:
            samples = page.asarray()
        except (ValueError, ImportError) as error:  # a compression that needs another library
            message = "This kind of TIFF file is not read; save it uncompressed, or as PNG."
            raise UnsupportedImage(message) from error
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and samples.ndim == 3:
            samples = np.moveaxis(samples, 0, 2)
        if colour_space == tifffile.PHOTOMETRIC.MINISWHITE and samples.dtype == np.uint16:
            samples = np.uint16(65535) - samples
    return np.ascontiguousarray(samples)
