"""The sizes that a WebP file says: of its canvas, and of the picture on it.

Reference:
    RFC 9649, WebP Image Format, 2024, 2.7; RFC 6386, VP8, 9.1.
"""

from __future__ import annotations

import struct

from restoration.images.sizes import check_one_size

_MOST_CHUNKS = 1000


def check_webp(data: bytes) -> None:
    """Check that the first picture of a WebP file fits the canvas.

    Args:
        data: of any format; only WebP files are looked at.

    Raises:
        CorruptImage: a still picture has another size than the canvas, or a frame is larger.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return
    canvas: tuple[int, int] | None = None
    position = 12
    for _ in range(_MOST_CHUNKS):
        if position + 8 > len(data):
            return
        name, length = struct.unpack_from("<4sI", data, position)
        content = data[position + 8 : position + 8 + min(length, 64)]
        if name == b"VP8X" and len(content) >= 10 and canvas is None:
            canvas = (1 + int.from_bytes(content[4:7], "little"), 1 + int.from_bytes(content[7:10], "little"))
        elif name == b"ANMF" and len(content) >= 34 and canvas is not None:
            _check_frame(content, canvas)
            return
        elif (size := _frame_size(name, content)) is not None:
            if canvas is not None:
                check_one_size("WebP", canvas, size)
            return
        position += 8 + length + length % 2


def _check_frame(content: bytes, canvas: tuple[int, int]) -> None:
    left, top, width, height = (int.from_bytes(content[start : start + 3], "little") for start in (0, 3, 6, 9))
    said = (width + 1, height + 1)
    if 2 * left + said[0] > canvas[0] or 2 * top + said[1] > canvas[1]:
        check_one_size("WebP", canvas, (2 * left + said[0], 2 * top + said[1]))
    name, sub = content[16:20], content[24:]
    if (size := _frame_size(name, sub)) is not None:
        check_one_size("WebP", said, size)


def _frame_size(name: bytes, content: bytes) -> tuple[int, int] | None:
    """Return the size in the header of a bitstream; None where the chunk is none."""
    if name == b"VP8 " and len(content) >= 10:
        width, height = struct.unpack_from("<HH", content, 6)
        return width & 0x3FFF, height & 0x3FFF
    if name == b"VP8L" and len(content) >= 5:
        (bits,) = struct.unpack_from("<I", content, 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None
