"""Files that say two sizes are refused in a sentence, before memory is taken for the larger one."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from restoration.errors import InvalidImage
from restoration.images import probe, read
from tests.cases import files
from tests.cases.doors import Door, ways

_LARGE = (4000, 3000)
_SMALL = (64, 48)


def _flat(size: tuple[int, int], file_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, (90, 120, 60)).save(stream, file_format, **options)
    return stream.getvalue()


def _png() -> bytes:
    large = _flat(_LARGE, "PNG")
    header = struct.pack(">II", *_SMALL) + large[24:29]
    return large[:33] + files.png_chunk(b"IHDR", header) + large[33:]


def _jpeg() -> bytes:
    large = _flat(_LARGE, "JPEG")
    at = large.index(b"\xff\xc0")
    end = at + 2 + int.from_bytes(large[at + 2 : at + 4])
    other = large[at : at + 5] + struct.pack(">HH", _SMALL[1], _SMALL[0]) + large[at + 9 : end]
    return large[:end] + other + large[end:]


def _gif() -> bytes:
    large = bytearray(_flat(_LARGE, "GIF"))
    large[6:10] = struct.pack("<HH", *_SMALL)
    return bytes(large)


def _webp() -> bytes:
    frame = _flat(_LARGE, "WEBP", quality=20)[12:]
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"".join((side - 1).to_bytes(3, "little") for side in _SMALL)
    return b"RIFF" + struct.pack("<I", 4 + len(canvas) + len(frame)) + b"WEBP" + canvas + frame


def _ispe(data: bytes) -> bytes:
    return data.replace(
        b"ispe" + bytes(4) + struct.pack(">II", *_LARGE), b"ispe" + bytes(4) + struct.pack(">II", *_SMALL)
    )


def _heic() -> bytes:
    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", _LARGE, (90, 120, 60))).save(stream, quality=10)
    data = stream.getvalue()
    coded = (_LARGE[0], 3008)  # whole blocks of 16
    for size in (_LARGE, coded):
        old = b"ispe" + bytes(4) + struct.pack(">II", *size)
        data = data.replace(old, b"ispe" + bytes(4) + struct.pack(">II", *_SMALL))
    return data


def _tiff(tag: int) -> bytes:
    """Return a TIFF file whose first width or height is the large one, and whose last is small."""
    stream = io.BytesIO()
    Image.new("L", _LARGE).save(stream, "TIFF", compression="tiff_adobe_deflate")
    data = stream.getvalue()
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    entries = [data[first + 2 + 12 * at : first + 14 + 12 * at] for at in range(count)]
    at = next(at for at, entry in enumerate(entries) if entry[:2] == struct.pack("<H", tag))
    entries.insert(at + 1, struct.pack("<HHII", tag, 4, 1, 10))
    table = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + table


def _tiles() -> bytes:
    data = bytearray(files.tiff(np.zeros((64, 64), np.uint8), tile=(64, 64), photometric="minisblack"))
    (first,) = struct.unpack_from("<I", data, 4)
    for at in range(struct.unpack_from("<H", data, first)[0]):
        place = first + 2 + 12 * at
        if struct.unpack_from("<H", data, place)[0] in (322, 323):
            struct.pack_into("<HI", data, place + 2, 4, 1)
            struct.pack_into("<I", data, place + 8, 16000)
    return bytes(data)


def _bmp() -> bytes:
    data = bytearray(_flat(_SMALL, "BMP"))
    data[18:26] = struct.pack("<ii", *_LARGE)
    return bytes(data)


LIES: dict[str, Callable[[], bytes]] = {
    "PNG with two headers": _png,
    "JPEG with two frame headers": _jpeg,
    "GIF with a frame larger than its screen": _gif,
    "WebP with a frame larger than its canvas": _webp,
    "HEIC coded larger than it says": _heic,
    "AVIF coded larger than it says": lambda: _ispe(_flat(_LARGE, "AVIF", quality=10, speed=10)),
    "TIFF with two widths": lambda: _tiff(256),
    "TIFF with two heights": lambda: _tiff(257),
    "TIFF with tiles larger than the picture": _tiles,
    "BMP with a header larger than its data": _bmp,
}


@pytest.fixture(scope="module")
def lies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("lies")
    paths = {kind: folder / f"{at}.img" for at, kind in enumerate(LIES)}
    for kind, path in paths.items():
        path.write_bytes(LIES[kind]())
    return paths


@pytest.mark.parametrize(
    ("door", "kind"), ways(list(LIES), few=["TIFF with two widths", "PNG with two headers"]), indirect=["door"]
)
def test_file_that_says_two_sizes_is_refused(door: Door, lies: dict[str, Path], kind: str) -> None:
    brought = door(lies[kind])
    assert brought.path is None
    assert any(words in brought.said for words in ("two sizes", "twice", "damaged or cut off"))
    if not kind.startswith("BMP"):  # whose header alone is in order
        with pytest.raises(InvalidImage):
            probe(lies[kind])


_MEASURE = """
import resource, sys
from restoration.errors import InvalidImage
from restoration.images import read
from PIL import Image
import cv2, pillow_heif, tifffile
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        read(path)
    except InvalidImage:
        continue
    raise AssertionError(path)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_no_memory_is_taken_for_the_larger_size(lies: dict[str, Path]) -> None:
    command = [sys.executable, "-c", _MEASURE, *map(str, lies.values())]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert int(done.stdout) * 1024 < 16e6  # the large picture alone takes 36 MB, decoded


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("size", [(1, 1), (17, 31), (333, 77), (640, 481)])
def test_honest_file_of_any_size_is_read(file_format: str, size: tuple[int, int]) -> None:
    data = _flat(size, file_format)
    picture = read(data)
    assert (picture.width, picture.height) == size
    assert picture.notes == ()


@pytest.mark.parametrize("options", [{"save_all": True}, {"save_all": True, "lossless": True}])
def test_honest_animation_is_read(options: dict[str, bool]) -> None:
    frames = [Image.fromarray(np.roll(files.photo(), shift, axis=1)) for shift in (0, 5, 9)]
    for file_format in ("WEBP", "GIF", "PNG"):
        stream = io.BytesIO()
        more = options if file_format == "WEBP" else {"save_all": True}
        frames[0].save(stream, file_format, append_images=frames[1:], **more)
        assert read(stream.getvalue()).frames == 3


def test_flood_of_chunks_is_refused() -> None:
    data = files.encoded(files.photo(), "PNG")
    flood = files.png_chunk(b"teSt", b"") * 200_001
    with pytest.raises(InvalidImage, match="200,000 chunks"):
        read(data[:33] + flood + data[33:])


def test_compressed_flood_in_a_cut_png_is_not_unpacked() -> None:
    header = files.encoded(files.photo(), "PNG")[:33]
    bomb = zlib.compress(bytes(100_000_000), 9)
    cut = header + 3 * files.png_chunk(b"IDAT", bomb)
    tracemalloc.start()
    read(cut)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6
