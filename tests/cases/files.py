"""Small picture files of all kinds, made anew."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import tifffile
from PIL import Image

SIZE = (64, 48)


def photo(*, width: int = SIZE[0], height: int = SIZE[1]) -> np.ndarray:
    """Return a smooth picture of many colours, (H, W, 3), uint8."""
    rows, columns = np.mgrid[0 : 1 : 1j * height, 0 : 1 : 1j * width]  # type: ignore[misc]
    waves = [np.sin(6 * rows + 4 * columns), np.cos(5 * columns - 3 * rows), np.sin(7 * rows * columns + 1)]
    return np.rint(127.5 + 110 * np.stack(waves, axis=2)).astype(np.uint8)


def encoded(samples: np.ndarray, file_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(samples).save(stream, file_format, **options)
    return stream.getvalue()


def tiff(samples: np.ndarray, **settings: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples, metadata=None, **settings)
    return stream.getvalue()


def exif(*entries: tuple[int, int, int, bytes], details: tuple[tuple[int, int, int, bytes], ...] = ()) -> bytes:
    """Return a little-endian EXIF block of (tag, type, count, content)."""
    count = len(entries) + bool(details)
    data_at = 8 + 2 + 12 * count + 4
    table, body = struct.pack("<H", count), b""
    for tag, kind, number, content in sorted(entries):
        inline = content.ljust(4, b"\0") if len(content) <= 4 else struct.pack("<I", data_at + len(body))
        table += struct.pack("<HHI", tag, kind, number) + inline
        body += b"" if len(content) <= 4 else content + bytes(len(content) % 2)
    if details:
        table += struct.pack("<HHII", 0x8769, 4, 1, data_at + len(body))
        at = data_at + len(body)
        body += struct.pack("<H", len(details))
        values_at, values = at + 2 + 12 * len(details) + 4, b""
        for tag, kind, number, content in sorted(details):
            inline = content.ljust(4, b"\0") if len(content) <= 4 else struct.pack("<I", values_at + len(values))
            body += struct.pack("<HHI", tag, kind, number) + inline
            values += b"" if len(content) <= 4 else content + bytes(len(content) % 2)
        body += bytes(4) + values
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + table + bytes(4) + body


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def with_png_chunk(data: bytes, name: bytes, content: bytes) -> bytes:
    """Return a PNG file with one more chunk behind its header."""
    return data[:33] + png_chunk(name, content) + data[33:]
