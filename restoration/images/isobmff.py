"""The boxes of HEIC and AVIF files: the size and colours they name, and the size that is coded.

Reference:
    ISO/IEC 14496-12, 23008-12 (HEIF) and 14496-15 (hvcC); ITU-T H.265, 7.3.2.2 (SPS); AV1 Image File Format 1.1;
    AV1 Bitstream and Decoding Process Specification, 5.5 (sequence header).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from restoration.errors import CorruptImage
from restoration.images.coded_sizes import av1_size, hevc_size
from restoration.images.sizes import check_one_size

_MOST_BOXES = 10_000
_MOST_ALIGNMENT_PX = 64
"""Coded pictures are whole blocks; so much may be cropped."""


def is_isobmff(data: bytes) -> bool:
    return data[4:8] == b"ftyp"


def check_heif(data: bytes) -> None:
    """Check that every coded picture of a HEIC or AVIF file has a size that the file says.

    Args:
        data: of any format; only HEIC and AVIF files are looked at.

    Raises:
        CorruptImage: one has another.
    """
    if not is_isobmff(data):
        return
    try:
        properties = list(_properties(data))
        said = [struct.unpack_from(">II", box, 4) for name, box in properties if name == b"ispe"]
        coded = [size for name, box in properties if name == b"hvcC" and (size := hevc_size(box)) is not None]
        if any(name == b"av1C" for name, _ in properties):
            coded += [size for start in _item_starts(data) if (size := av1_size(data[start : start + 256])) is not None]
    except (struct.error, IndexError) as error:
        raise CorruptImage("The HEIC or AVIF file is damaged or cut off; upload it again or save it anew.") from error
    for size in coded if said else ():
        if not any(_is_padded(size, other) for other in said):
            check_one_size("HEIC or AVIF", max(said), size)


def _is_padded(coded: tuple[int, int], said: tuple[int, int]) -> bool:
    return all(0 <= large - small < _MOST_ALIGNMENT_PX for large, small in zip(coded, said, strict=True))


def bits_of_avif(data: bytes) -> int:
    """Return the bits per channel of an AVIF file: 8, 10 or 12."""
    flags = next((box[2] for name, box in _properties(data) if name == b"av1C" and len(box) >= 4), 0)
    return 12 if flags & 0x20 and flags & 0x40 else 10 if flags & 0x40 else 8


def named_colour(data: bytes) -> tuple[int, int] | None:
    """Return the numbers of primaries and transfer function (ITU-T H.273) that an `nclx` box names, or None."""
    for name, box in _properties(data):
        if name == b"colr" and box[:4] == b"nclx" and len(box) >= 8:
            primaries, transfer = struct.unpack_from(">HH", box, 4)
            return primaries, transfer
    return None


def _properties(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    for name, start, end in _inside(data, b"meta", b"iprp", b"ipco"):
        yield name, data[start : min(end, start + 4096)]


def _inside(data: bytes, *path: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Return name, start and end of the boxes in the first box of that path."""
    start, end = 0, len(data)
    for wanted in path:
        found = next((box for box in boxes(data, start, end) if box[0] == wanted), None)
        if found is None:
            return
        start, end = found[1] + (4 if wanted == b"meta" else 0), found[2]
    yield from boxes(data, start, end)


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Return name, start and end of the content of each box; the end may lie behind the data where they are cut off."""
    for _ in range(_MOST_BOXES):
        if start + 8 > min(end, len(data)):
            return
        size, name = struct.unpack_from(">I4s", data, start)
        header = 8
        if size == 1 and start + 16 <= len(data):
            (size,), header = struct.unpack_from(">Q", data, start + 8), 16
        size = end - start if size == 0 else size
        if size < header:
            return
        yield name, start + header, start + size
        start += size


def _item_starts(data: bytes) -> Iterator[int]:
    """Return where the first part of each item lies, from the box `iloc`."""
    found = next((box for box in _inside(data, b"meta") if box[0] == b"iloc"), None)
    if found is None:
        return
    position = found[1]
    version = data[position]
    offset_bytes, length_bytes = data[position + 4] >> 4, data[position + 4] & 15
    base_bytes, index_bytes = data[position + 5] >> 4, data[position + 5] & 15 if version else 0
    wide = 4 if version == 2 else 2
    count = int.from_bytes(data[position + 6 : position + 6 + wide])
    position += 6 + wide
    for _ in range(min(count, _MOST_BOXES)):
        position += wide + (2 if version else 0) + 2
        base = int.from_bytes(data[position : position + base_bytes])
        extents = int.from_bytes(data[position + base_bytes : position + base_bytes + 2])
        position += base_bytes + 2
        if extents:
            yield base + int.from_bytes(data[position + index_bytes : position + index_bytes + offset_bytes])
        position += extents * (index_bytes + offset_bytes + length_bytes)
