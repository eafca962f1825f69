"""How many pictures a file holds. Pillow walks through all frames of GIF and TIFF files, which may be millions."""

from __future__ import annotations

import struct

from PIL import Image

from restoration.images.gif import count_gif_frames

MOST_FRAMES = 1000


def count_frames(image: Image.Image, data: bytes | None = None) -> int:
    """Return how many pictures a file holds; counting ends at 1000.

    Args:
        data: the bytes of the file; None where only Pillow knows them.
    """
    if data is not None and image.format == "GIF":
        count = count_gif_frames(data, most=MOST_FRAMES)
    elif data is not None and image.format == "TIFF":
        count = _tiff_frames(data)
    else:
        count = getattr(image, "n_frames", 1)
    return max(1, min(count, MOST_FRAMES))


def _tiff_frames(data: bytes) -> int:
    """Count the pictures of a TIFF file, at most `MOST_FRAMES`, along the chain of its directories."""
    order = "<" if data.startswith(b"II") else ">"
    is_big = 43 in data[2:4]
    count_format, offset_format, entry_bytes = ("Q", "Q", 20) if is_big else ("H", "I", 12)
    seen: set[int] = set()
    try:
        (offset,) = struct.unpack_from(order + offset_format, data, 8 if is_big else 4)
        while offset and offset not in seen and len(seen) < MOST_FRAMES:
            (entries,) = struct.unpack_from(order + count_format, data, offset)
            seen.add(offset)
            end = offset + struct.calcsize(count_format) + entry_bytes * entries
            (offset,) = struct.unpack_from(order + offset_format, data, end)
    except (struct.error, OverflowError):  # cut off: what came before counts
        pass
    return len(seen)
