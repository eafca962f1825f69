"""Files that lack only their last bytes: what is there is read, and said so."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from restoration.errors import CorruptImage
from restoration.images.gif import completed_gif
from restoration.images.isobmff import boxes, is_isobmff
from restoration.images.jpeg import completed_jpeg
from restoration.images.png import SIGNATURE, completed_png
from restoration.images.tiff import TiffPage

_MOST_SHARE = 50
"""At most a fiftieth of the bytes may be missing."""
_MOST_FILLED_SHARE, _MOST_FILLED_PX = 0.02, 8
_FILL_255 = 128
_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES = 273, 279, 324, 325
NOTE = "The end of the file is missing; the lowest part of the picture may be lost."


def completed(data: bytes) -> bytes | None:
    """Return a file that lacks its last bytes with others in their place; None where nothing is missing.

    Raises:
        CorruptImage: too much is missing.
    """
    if data.startswith(SIGNATURE):
        return completed_png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return completed_jpeg(data)
    if data.startswith(b"GIF8"):
        return completed_gif(data)
    return _padded(data, _announced_bytes(data))


def _announced_bytes(data: bytes) -> int:
    """Return how long a file says that it is; 0 where it does not say."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return 8 + int.from_bytes(data[4:8], "little")
    if is_isobmff(data):
        return max((end for _, _, end in boxes(data, 0, len(data))), default=0)
    if data.startswith(b"BM") and len(data) >= 34:
        (start,) = struct.unpack_from("<I", data, 10)
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
        is_plain = compression in (0, 3) and int.from_bytes(data[14:18], "little") >= 40
        return start + (width * bits + 31) // 32 * 4 * abs(height) if is_plain and width > 0 else 0
    return 0


def completed_tiff(data: bytes, page: TiffPage) -> bytes | None:
    """Return a TIFF file of which the end of the picture is missing with zeros there; None where it is whole.

    Raises:
        CorruptImage: too much is missing, or it is compressed.
    """
    starts = page.numbers(_STRIP_OFFSETS) or page.numbers(_TILE_OFFSETS)
    sizes = page.numbers(_STRIP_BYTES) or page.numbers(_TILE_BYTES)
    end = max((start + size for start, size in zip(starts, sizes, strict=False)), default=0)
    if end > len(data) and page.compression != 1:
        raise CorruptImage(_damaged())
    return _padded(data, end)


def _padded(data: bytes, announced: int) -> bytes | None:
    missing = announced - len(data)
    if missing <= 0:
        return None
    if missing * _MOST_SHARE > announced:
        raise CorruptImage(_damaged())
    return data + bytes(missing)


def _damaged() -> str:
    return "The file is damaged or cut off: its end is missing; upload it again or save it anew."


def check_filled(values: npt.NDArray[Any]) -> None:
    """Check that not much of a completed JPEG picture is the middle gray that stands for what is missing.

    Raises:
        CorruptImage: more than a fiftieth of the rows are, and more than 8.
    """
    is_filled = (values[..., :3] == _FILL_255).reshape(len(values), -1).all(axis=1)
    filled = len(is_filled) if is_filled.all() else int(np.argmin(is_filled[::-1]))
    if filled > max(_MOST_FILLED_PX, _MOST_FILLED_SHARE * len(is_filled)):
        raise CorruptImage(_damaged())
