"""What a JPEG file tells without being decoded: its quality by its tables, and how many scans it has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from restoration.errors import UnsupportedImage

_MOST_SCANS = 100
"""Each costs as much time as the whole picture, however few bytes it has; libjpeg writes 10."""
_MOST_SEGMENTS = 10_000
_SCAN, _END = 0xDA, 0xD9
_SEGMENT = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
"""The start of one; 0 follows where 255 is a value, 1 and D0 to D8 are marks without a length."""

# ITU-T T.81, table K.1: luminance; in row order
_LUMINANCE = np.array(
    [
        *(16, 11, 10, 16, 24, 40, 51, 61),
        *(12, 12, 14, 19, 26, 58, 60, 55),
        *(14, 13, 16, 24, 40, 57, 69, 56),
        *(14, 17, 22, 29, 51, 87, 80, 62),
        *(18, 22, 37, 56, 68, 109, 103, 77),
        *(24, 35, 55, 64, 81, 104, 113, 92),
        *(49, 64, 78, 87, 103, 121, 120, 101),
        *(72, 92, 95, 98, 112, 100, 103, 99),
    ]
)


def estimate_quality(tables: Mapping[int, Sequence[int]]) -> int | None:
    """Return the libjpeg quality 1-100 whose luminance table is nearest, or None without a table.

    Args:
        tables: quantisation tables by number, 64 entries each, in any order of entries.
    """
    table = tables.get(0)
    if table is None or len(table) != 64:
        return None
    wanted = np.sort(np.asarray(table))
    distances = [np.abs(np.sort(jpeg_table(quality)) - wanted).sum() for quality in range(1, 101)]
    return int(np.argmin(distances)) + 1


def check_scans(data: bytes) -> None:
    """Check that a JPEG file is not made of so many parts that decoding it takes minutes.

    Embedded previews and what follows the picture do not count.

    Args:
        data: of any format; only JPEG files are looked at.

    Raises:
        UnsupportedImage: more than 100 scans or 10,000 segments.
    """
    if not data.startswith(b"\xff\xd8\xff"):
        return
    position, scans = 2, 0
    for _ in range(_MOST_SEGMENTS):
        found = _SEGMENT.search(data, position)
        if found is None or found[1][0] == _END:
            return
        scans += found[1][0] == _SCAN
        if scans > _MOST_SCANS:
            break
        position = found.end() + int.from_bytes(data[found.end() : found.end() + 2])
    raise UnsupportedImage(
        f"A JPEG file may have at most {_MOST_SCANS} scans and {_MOST_SEGMENTS:,} segments but this one has more; "
        "open it in an image editor and save it anew."
    )


def jpeg_table(quality: int) -> np.ndarray:
    """Return libjpeg's luminance table for a quality 1-100, (64,), row order (jpeg_set_quality, baseline forced)."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((_LUMINANCE * percent + 50) // 100, 1, 255)
