"""The chunks of a PNG file: its size, its colours, and whether its end is there.

Reference:
    W3C, Portable Network Graphics Specification, third edition, 2025.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from restoration.errors import CorruptImage, UnsupportedImage
from restoration.images.limits import MAX_PIXELS_TO_FIT
from restoration.images.sizes import check_one_size

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_CHUNKS = 200_000
"""64 MB hold 8192 of the usual 8 KiB; each costs time before its content is looked at."""
_DAMAGED = "The PNG file is damaged or cut off; upload it again or save it anew."
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Return name, start and announced length of the content of each chunk, the last of which may be cut off.

    Raises:
        UnsupportedImage: there are more than 200,000.
    """
    position = len(SIGNATURE)
    for _ in range(_MOST_CHUNKS):
        if position + 8 > len(data):
            return
        length, name = struct.unpack_from(">I4s", data, position)
        yield name, position + 8, length
        if name == b"IEND":
            return
        position += 12 + length
    raise UnsupportedImage(
        f"A PNG file may have at most {_MOST_CHUNKS:,} chunks but this one has more; save it anew in an image editor."
    )


def check_png(data: bytes) -> None:
    """Check that a PNG file has one header.

    Args:
        data: of any format; only PNG files are looked at.

    Raises:
        CorruptImage: two headers of different sizes.
        UnsupportedImage: more than 200,000 chunks.
    """
    if not data.startswith(SIGNATURE):
        return
    sizes = [
        struct.unpack_from(">II", data, start)
        for name, start, length in chunks(data)
        if name == b"IHDR" and length >= 8 and start + 8 <= len(data)
    ]
    for size in sizes[1:]:
        check_one_size("PNG", sizes[0], size)


def named_colour(data: bytes) -> tuple[int, int] | None:
    """Return the numbers of primaries and transfer function that a `cICP` chunk names, or None without one."""
    for name, start, length in chunks(data):
        if name == b"IDAT":
            return None
        if name == b"cICP" and length == 4:
            return data[start], data[start + 1]
    return None


def completed_png(data: bytes) -> bytes | None:
    """Return a PNG file that lacks its end, with the rows that are missing repeated from the last one that is there.

    Returns:
        None where nothing is missing.

    Raises:
        CorruptImage: more than a hundredth is missing, or what is there is damaged.
    """
    found = list(chunks(data))
    if not found or found[0][0] != b"IHDR" or len(data) < found[0][1] + 13 or _has_end(data, found):
        return None
    width, height, bits, kind, _, _, is_interlaced = struct.unpack_from(">IIBBBBB", data, found[0][1])
    if width * height > MAX_PIXELS_TO_FIT:
        return None  # refused by its size
    if not any(name == b"IDAT" for name, _, _ in found):
        raise CorruptImage(_DAMAGED)
    row_bytes = 1 + (width * bits * _CHANNELS.get(kind, 4) + 7) // 8
    total = height * row_bytes
    inflate = zlib.decompressobj()
    rows = bytearray()
    try:
        for name, start, length in found:
            if name == b"IDAT" and len(rows) < total:
                rows += inflate.decompress(data[start : start + length], total - len(rows))
    except zlib.error as error:
        raise CorruptImage(_DAMAGED) from error
    missing = total - len(rows)
    if is_interlaced or missing > max(total // 100, row_bytes):
        raise CorruptImage(_DAMAGED)
    rows += bytes(min(missing, -len(rows) % row_bytes))
    rows += (b"\2" + bytes(row_bytes - 1)) * ((total - len(rows)) // row_bytes)  # filter "up" of nothing: as above
    first = next(start for name, start, _ in found if name == b"IDAT") - 8
    return data[:first] + chunk(b"IDAT", zlib.compress(bytes(rows), 1)) + chunk(b"IEND", b"")


def _has_end(data: bytes, found: list[tuple[bytes, int, int]]) -> bool:
    name, start, length = found[-1]
    return name == b"IEND" and start + length + 4 <= len(data)


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a whole chunk with its length and checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
