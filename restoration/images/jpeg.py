"""What a JPEG file tells without being decoded: its kind and size, its quality by its tables, and its scans.

Reference:
    ITU-T T.81, annex B (segments) and annex K (tables).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from restoration.errors import UnsupportedImage
from restoration.images.sizes import check_one_size

_MOST_SCANS = 100
"""Each costs as much time as the whole picture, however few bytes it has; libjpeg writes 10."""
_MOST_SEGMENTS = 10_000
_SCAN, _END = 0xDA, 0xD9
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_READ_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
"""Baseline, extended and progressive; lossless and hierarchical ones need decoders that hardly any program has."""
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


def check_jpeg(data: bytes) -> None:
    """Check that a JPEG file is of a kind that is read, says one size, and does not take minutes to decode.

    Embedded previews and what follows the picture do not count.

    Args:
        data: of any format; only JPEG files are looked at.

    Raises:
        CorruptImage: two frame headers of different sizes.
        UnsupportedImage: more than 100 scans or 10,000 segments, more than 8 bits, or a lossless or hierarchical file.
    """
    if not data.startswith(b"\xff\xd8\xff"):
        return
    scans, size = 0, None
    for count, (kind, start) in enumerate(segments(data)):
        scans += kind == _SCAN
        if scans > _MOST_SCANS or count >= _MOST_SEGMENTS:
            raise UnsupportedImage(
                f"A JPEG file may have at most {_MOST_SCANS} scans and {_MOST_SEGMENTS:,} segments but this one has "
                "more; open it in an image editor and save it anew."
            )
        if kind in _FRAMES and start + 8 <= len(data):
            height, width = (int.from_bytes(data[at : at + 2]) for at in (start + 3, start + 5))
            check_one_size("JPEG", size or (width, height), (width, height))
            size = (width, height)
            _check_kind(kind, bits=data[start + 2])


def _check_kind(kind: int, *, bits: int) -> None:
    if kind not in _READ_FRAMES:
        message = "Lossless and hierarchical JPEG files are not read; save it as PNG or TIFF."
        raise UnsupportedImage(message)
    if bits != 8:
        message = f"JPEG files may have 8 bits per channel but this one has {bits}; save it as 16-bit TIFF or PNG."
        raise UnsupportedImage(message)


def segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Return kind and start, at its length, of each segment of a JPEG file up to the end of its picture."""
    position = 2
    while (found := _SEGMENT.search(data, position)) is not None and found[1][0] != _END:
        yield found[1][0], found.end()
        position = found.end() + int.from_bytes(data[found.end() : found.end() + 2])


def completed_jpeg(data: bytes) -> bytes | None:
    """Return a JPEG file that lacks its end with an end mark; decoders fill what is missing with middle gray.

    Returns:
        None where the end is there, or where whole scans may be missing.
    """
    if not data.startswith(b"\xff\xd8\xff") or b"\xff\xd9" in data[_last_scan(data) :]:
        return None
    components: set[int] = set()
    finest: set[tuple[int, int]] = set()
    for kind, start in segments(data):
        if kind in _FRAMES and start + 8 <= len(data):
            components = set(data[start + 8 : start + 8 + 3 * data[start + 7] : 3])
        elif kind == _SCAN and start + 3 <= len(data):
            count = data[start + 2]
            first, last, steps = (*data[start + 3 + 2 * count : start + 6 + 2 * count], 0, 0, 0)[:3]
            if steps & 15 == 0:
                named = data[start + 3 : start + 3 + 2 * count : 2]
                finest |= {(name, part) for name in named for part in (first, last)}
    is_told = bool(components) and all({(name, 0), (name, 63)} <= finest for name in components)
    return data + b"\xff\xd9" if is_told else None


def _last_scan(data: bytes) -> int:
    return max((start for kind, start in segments(data) if kind == _SCAN), default=0)


def jpeg_table(quality: int) -> np.ndarray:
    """Return libjpeg's luminance table for a quality 1-100, (64,), row order (jpeg_set_quality, baseline forced)."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((_LUMINANCE * percent + 50) // 100, 1, 255)
