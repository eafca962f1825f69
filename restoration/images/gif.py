"""How a GIF file is built, from the kinds and lengths of its blocks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, takewhile

from restoration.errors import UnsupportedImage

_MOST_BLOCKS = 1_000_000
"""Beyond what 64 MB hold in blocks of the usual 255 bytes."""
_MOST_BLOCKS_BEFORE_PICTURE = 5000
_HEADER_BYTES = 13
_FLAGS_BYTE = 10
_EXTENSION, _PICTURE, _END = 0x21, 0x2C, 0x3B
_DATA = 0


def check_gif(data: bytes) -> None:
    """Check that no flood of comments stands before the picture; the time that Pillow takes grows with their square.

    Args:
        data: of any format; only GIF files are looked at.

    Raises:
        UnsupportedImage: more than 5000 blocks.
    """
    if not data.startswith(b"GIF8"):
        return
    before = takewhile(lambda kind: kind not in (_PICTURE, _END), _blocks(data))
    if len(list(islice(before, _MOST_BLOCKS_BEFORE_PICTURE + 1))) > _MOST_BLOCKS_BEFORE_PICTURE:
        raise UnsupportedImage(
            f"A GIF file may have at most {_MOST_BLOCKS_BEFORE_PICTURE} blocks before its first picture but this one "
            "has more; open it in an image editor and save it anew."
        )


def count_gif_frames(data: bytes, *, most: int) -> int:
    """Return how many pictures a GIF file holds; counting ends at `most`."""
    pictures = (kind for kind in islice(_blocks(data), _MOST_BLOCKS) if kind == _PICTURE)
    return sum(1 for _ in islice(pictures, most))


def _blocks(data: bytes) -> Iterator[int]:
    """Return the kind of each block: extension, picture, end, or the data of what came before."""
    position, has_data = _HEADER_BYTES + _colour_table_bytes(data, _FLAGS_BYTE), False
    while position < len(data):
        first = data[position]
        if has_data:
            yield _DATA
            position += 1 + first
            has_data = first > 0
            continue
        yield first
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
