"""How a GIF file is built, from the kinds and lengths of its blocks."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice, takewhile

from restoration.errors import UnsupportedImage
from restoration.images.limits import MAX_PIXELS_TO_FIT
from restoration.images.sizes import check_one_size

_MOST_BLOCKS = 1_000_000
"""Beyond what 64 MB hold in blocks of the usual 255 bytes."""
_MOST_BLOCKS_BEFORE_PICTURE = 5000
_HEADER_BYTES = 13
_FLAGS_BYTE = 10
_EXTENSION, _PICTURE, _END = 0x21, 0x2C, 0x3B
_DATA = 0


def check_gif(data: bytes) -> None:
    """Check that no flood of comments stands before the picture, and that it lies within the screen.

    The time that Pillow takes grows with the square of their number.

    Args:
        data: of any format; only GIF files are looked at.

    Raises:
        UnsupportedImage: more than 5000 blocks.
        CorruptImage: the first picture reaches beyond the screen.
    """
    if not data.startswith(b"GIF8"):
        return
    before = takewhile(lambda block: block[0] not in (_PICTURE, _END), _blocks(data))
    if len(list(islice(before, _MOST_BLOCKS_BEFORE_PICTURE + 1))) > _MOST_BLOCKS_BEFORE_PICTURE:
        raise UnsupportedImage(
            f"A GIF file may have at most {_MOST_BLOCKS_BEFORE_PICTURE} blocks before its first picture but this one "
            "has more; open it in an image editor and save it anew."
        )
    first = next((start for kind, start in islice(_blocks(data), _MOST_BLOCKS) if kind == _PICTURE), len(data))
    if first + 9 <= len(data):
        left, top, width, height = struct.unpack_from("<4H", data, first + 1)
        screen = struct.unpack_from("<2H", data, 6)
        is_outside = left + width > screen[0] or top + height > screen[1]
        if any(screen) and is_outside:  # some programs leave the screen at 0x0
            check_one_size("GIF", screen, (left + width, top + height))


def completed_gif(data: bytes) -> bytes | None:
    """Return a GIF file that lacks its end with data that end it, all of the first colour; None where it is whole.

    What is added can fill at most a fiftieth of the picture.
    """
    if not data.startswith(b"GIF8") or len(data) < _HEADER_BYTES or any(kind == _END for kind, _ in _blocks(data)):
        return None
    width, height = struct.unpack_from("<2H", data, 6)
    if width * height > MAX_PIXELS_TO_FIT:
        return None  # refused by its size
    ends = [start + 1 + data[start] for kind, start in _blocks(data) if kind == _DATA]
    missing = max(0, ends[-1] - len(data)) if ends else 0
    zeros = width * height // 50 * 12 // 8  # a code, of at most 12 bits, fills at least one pixel
    return data + bytes(missing) + (b"\xff" + bytes(255)) * (1 + zeros // 255) + b"\0;"


def count_gif_frames(data: bytes, *, most: int) -> int:
    """Return how many pictures a GIF file holds; counting ends at `most`."""
    pictures = (kind for kind, _ in islice(_blocks(data), _MOST_BLOCKS) if kind == _PICTURE)
    return sum(1 for _ in islice(pictures, most))


def _blocks(data: bytes) -> Iterator[tuple[int, int]]:
    """Return kind and start of each block: extension, picture, end, or the data of what came before."""
    position, has_data = _HEADER_BYTES + _colour_table_bytes(data, _FLAGS_BYTE), False
    while position < len(data):
        first = data[position]
        if has_data:
            yield _DATA, position
            position += 1 + first
            has_data = first > 0
            continue
        yield first, position
        if first == _END:
            return
        has_data = first in (_PICTURE, _EXTENSION)
        if first == _PICTURE:
            position += 11 + _colour_table_bytes(data, position + 9)
        else:
            position += 2 if first == _EXTENSION else 1  # what is neither is skipped by Pillow, too


def _colour_table_bytes(data: bytes, position: int) -> int:
    """Return the length of the colour table that the flags at a position announce."""
    flags = data[position] if position < len(data) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
