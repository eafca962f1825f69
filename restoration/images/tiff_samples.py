"""Decoding the TIFF kinds that Pillow does not hold: 16 bits, floats, Lab, channels beside the colours.

Reference:
    TIFF, Revision 6.0, Adobe, 1992, sections 18, 21 and 23; Photoshop TIFF Technical Notes, 2002 (ICCLab);
    B. Lindbloom, RGB/XYZ Matrices (Bradford-adapted D50 to sRGB).
"""

from __future__ import annotations

import io
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
import tifffile

from restoration.arrays import FloatArray
from restoration.errors import CorruptImage, UnsupportedImage
from restoration.images.samples import Samples
from restoration.images.tiff import FLOAT, SIGNED, UNSIGNED, TiffFile, TiffPage

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _LAB, _ICC_LAB = 0, 1, 2, 8, 9
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, 3: 1, 5: 4, 6: 3, _LAB: 3, _ICC_LAB: 3}
_PREMULTIPLIED, _ALPHA = 1, 2
_LIGHT_OF_XYZ = np.array(
    [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
)
_WHITE_D50 = (0.96422, 1.0, 0.82521)
_STRIP_PIXELS = 1_000_000


def route(page: TiffPage) -> Literal["pillow", "opencv", "tifffile"]:
    """Return which library reads a page rightly.

    Of separate colour planes OpenCV fills only the first third of the picture, and it ignores white at 0.
    """
    if page.bits <= 8 and page.sample_format == UNSIGNED and page.photometric not in (_LAB, _ICC_LAB):
        has_odd_channels = page.photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO) and page.samples > 2
        return "tifffile" if has_odd_channels else "pillow"
    is_plain = (page.photometric, page.samples) in ((_BLACK_IS_ZERO, 1), (_RGB, 3), (_RGB, 4))
    is_deep = (page.bits, page.sample_format) in ((16, UNSIGNED), (32, FLOAT))
    return "opencv" if is_plain and is_deep and not page.is_planar else "tifffile"


def colour_channels(page: TiffPage) -> int:
    return _COLOURS.get(page.photometric, page.samples)


def alpha_channel(page: TiffPage) -> int | None:
    """Return which channel is the opacity; None where there is none."""
    colours = colour_channels(page)
    kinds = page.extra[: page.samples - colours]
    return next((colours + at for at, kind in enumerate(kinds) if kind in (_PREMULTIPLIED, _ALPHA)), None)


def note_on_channels(page: TiffPage) -> str:
    """Return a sentence about channels that are neither colour nor opacity, or ""."""
    left_out = page.samples - colour_channels(page) - (alpha_channel(page) is not None)
    if left_out < 1:
        return ""
    channels = "one more channel, which is" if left_out == 1 else f"{left_out} more channels, which are"
    return f"The file has {channels} left out."


def read_by_opencv(file: TiffFile) -> Samples:
    """Decode gray, RGB or RGBA of 16 bits or 32-bit floats; OpenCV turns it upright.

    Raises:
        CorruptImage: the file is damaged.
    """
    decoded = cv2.imdecode(np.frombuffer(file.data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None:
        raise CorruptImage("The TIFF file is damaged or cut off; upload it again or save it anew.")
    values = np.asarray(decoded)
    if values.ndim == 3:
        values = np.concatenate([values[..., 2::-1], values[..., 3:]], axis=2)
    orientation = 1 if file.page.orientation != 1 else file.orientation
    return _with_alpha_as_told(values, file.page, orientation=orientation)


def read_by_tifffile(file: TiffFile) -> Samples:
    """Decode a page of another kind.

    Raises:
        UnsupportedImage: a compression, colour space or type of samples that is not read.
    """
    page = file.page
    _check_kind(page)
    with tifffile.TiffFile(io.BytesIO(file.data)) as opened:
        first = opened.pages.first
        try:
            values = first.asarray()
        except (ValueError, ImportError, KeyError) as error:  # a compression that needs another library
            name = getattr(first.compression, "name", str(first.compression))
            message = f"This kind of TIFF file ({page.bits} bits, {name}) is not read; save it uncompressed, or as PNG."
            raise UnsupportedImage(message) from error
    if page.is_planar and values.ndim == 3:
        values = np.moveaxis(values, 0, 2)
    if page.photometric == _WHITE_IS_ZERO and np.issubdtype(values.dtype, np.integer):
        values = np.iinfo(values.dtype).max - values
    if page.photometric in (_LAB, _ICC_LAB):
        values = _rgb_of_lab(values, is_icc=page.photometric == _ICC_LAB)
    return _with_alpha_as_told(np.ascontiguousarray(values), page, orientation=file.orientation)


def _check_kind(page: TiffPage) -> None:
    if page.photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _LAB, _ICC_LAB):
        try:
            name = tifffile.PHOTOMETRIC(page.photometric).name
        except ValueError:
            name = str(page.photometric)
        raise UnsupportedImage(
            f"TIFF files with {page.bits} bits in the colour space {name} are not read; save it as RGB."
        )
    is_lab = page.photometric in (_LAB, _ICC_LAB)
    if page.sample_format == FLOAT and page.bits in (16, 32, 64) and not is_lab:
        return
    if page.bits in (8, 16) and (page.sample_format == UNSIGNED or (is_lab and page.sample_format == SIGNED)):
        return
    kind = {FLOAT: "-bit floats", UNSIGNED: "-bit samples"}.get(page.sample_format, "-bit signed samples")
    raise UnsupportedImage(
        f"TIFF files with {page.bits}{kind} are not read; save it with 8 or 16 bits, or as floats in [0, 1]."
    )


def _with_alpha_as_told(values: npt.NDArray[Any], page: TiffPage, *, orientation: int) -> Samples:
    """Return the colours, and of the other channels only the one that the file calls its opacity."""
    if values.ndim == 2:
        return Samples(values=values, orientation=orientation)
    alpha = alpha_channel(page)
    colours = values[..., : 1 if colour_channels(page) == 1 else 3]
    is_premultiplied = alpha is not None and page.extra[alpha - colour_channels(page)] == _PREMULTIPLIED
    kept = colours if alpha is None else np.concatenate([colours, _as_alpha(values[..., alpha], colours)], axis=2)
    return Samples(values=kept, orientation=orientation, is_premultiplied=is_premultiplied)


def _as_alpha(alpha: npt.NDArray[Any], colours: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the opacity in the type of the colours, which may have become floats."""
    if alpha.dtype != colours.dtype and np.issubdtype(alpha.dtype, np.integer):
        alpha = (alpha.astype(np.float32) / np.iinfo(alpha.dtype).max).astype(colours.dtype)
    return alpha[..., None]


def _rgb_of_lab(values: npt.NDArray[Any], *, is_icc: bool) -> npt.NDArray[Any]:
    """Return CIE L*a*b* (D50) of 8 or 16 bits as sRGB floats, other channels as they are, scaled to [0, 1]."""
    eight, offset = values.dtype.itemsize == 1, 128 if is_icc else 0
    result = np.empty(values.shape, np.float32)
    rows = max(1, _STRIP_PIXELS // values.shape[1])
    for top in range(0, len(values), rows):
        part = values[top : top + rows]
        unsigned = part.view(f"u{part.dtype.itemsize}")
        lightness = unsigned[..., 0] * (100 / 255 if eight else 100 / (65280 if is_icc else 65535))
        chroma = unsigned[..., 1:3].astype(np.float64) if is_icc else part[..., 1:3].view(f"i{part.dtype.itemsize}")
        result[top : top + rows, :, :3] = _srgb(lightness, chroma / (1 if eight else 256) - offset)
        result[top : top + rows, :, 3:] = unsigned[..., 3:] / (255 if eight else 65535)
    return result


def _srgb(lightness: npt.NDArray[Any], chroma: npt.NDArray[Any]) -> FloatArray:
    middle = (lightness + 16) / 116
    steps = np.stack([middle + chroma[..., 0] / 500, middle, middle - chroma[..., 1] / 200], axis=-1)
    xyz = np.where(steps > 6 / 29, steps**3, (steps - 4 / 29) * 3 * (6 / 29) ** 2) * _WHITE_D50
    light = np.clip(xyz @ _LIGHT_OF_XYZ.T, 0, 1)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.clip(encoded, 0, 1).astype(np.float32)
