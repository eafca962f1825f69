"""Kinds of files: read, or refused by the true reason; never called damaged where they are sound."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from restoration.errors import InvalidImage
from restoration.images import encode, read, read_to_measure
from restoration.service.door import Service
from restoration.service.python import restore as restore_once
from restoration.types import Done, RestoreRequest, Task
from tests.cases import files
from tests.cases.doors import Door, ways

_PHOTO = files.photo()
_GRAY = _PHOTO[..., 1]
_THUMB = np.ascontiguousarray(_PHOTO[::4, ::4])


def _lab(bits: int) -> np.ndarray:
    """Return the photo as CIE L*a*b* under D50, as TIFF files hold it (matrix: B. Lindbloom, sRGB adapted to D50)."""
    values = _PHOTO / 255
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    matrix = [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
    x, y, z = np.moveaxis(light @ np.transpose(matrix) / (0.96422, 1, 0.82521), 2, 0)
    fx, fy, fz = (np.where(t > (6 / 29) ** 3, np.cbrt(t), t * (29 / 6) ** 2 / 3 + 4 / 29) for t in (x, y, z))
    lab = np.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], axis=2)
    scale = [255 / 100, 1, 1] if bits == 8 else [65535 / 100, 256, 256]
    return np.rint(lab * scale).astype(np.int32).astype(f"u{bits // 8}")


_DEEP = _PHOTO.astype(np.uint16) * 257
_EXTRA = {"planarconfig": "contig"}
READ: dict[str, tuple[Callable[[], bytes], np.ndarray]] = {
    "float32": (lambda: files.tiff((_PHOTO / 255).astype(np.float32), photometric="rgb"), _PHOTO),
    "float16": (lambda: files.tiff((_PHOTO / 255).astype(np.float16), photometric="rgb"), _PHOTO),
    "float64": (lambda: files.tiff(_PHOTO / 255, photometric="rgb"), _PHOTO),
    "float32 zlib": (
        lambda: files.tiff((_PHOTO / 255).astype("f4"), photometric="rgb", compression="zlib"),
        _PHOTO,
    ),
    "float32 planes": (
        lambda: files.tiff(np.moveaxis(_PHOTO / 255, 2, 0).astype("f4"), photometric="rgb", planarconfig="separate"),
        _PHOTO,
    ),
    "float32 gray": (lambda: files.tiff((_GRAY / 255).astype(np.float32), photometric="minisblack"), _GRAY),
    "float32 big-endian": (
        lambda: files.tiff((_PHOTO / 255).astype(np.float32), photometric="rgb", byteorder=">"),
        _PHOTO,
    ),
    "16-bit gray with alpha": (
        lambda: files.tiff(
            np.dstack([_DEEP[..., 1], np.full_like(_DEEP[..., 1], 65535)]),
            photometric="minisblack",
            extrasamples=["unassalpha"],
            **_EXTRA,
        ),
        _GRAY,
    ),
    "16 bits, two more channels": (
        lambda: files.tiff(np.dstack([_DEEP, _DEEP[..., :2]]), photometric="rgb", extrasamples=["unspecified"] * 2),
        _PHOTO,
    ),
    "8 bits, two more channels": (
        lambda: files.tiff(np.dstack([_PHOTO, _PHOTO[..., :2]]), photometric="rgb", extrasamples=["unspecified"] * 2),
        _PHOTO,
    ),
    "16 bits, a mask and alpha": (
        lambda: files.tiff(
            np.dstack([_DEEP, _DEEP[..., 0], np.full_like(_DEEP[..., 0], 65535)]),
            photometric="rgb",
            extrasamples=["unspecified", "unassalpha"],
        ),
        _PHOTO,
    ),
    "Lab, 8 bits": (lambda: files.tiff(_lab(8), photometric="cielab"), _PHOTO),
    "Lab, 16 bits": (lambda: files.tiff(_lab(16), photometric="cielab"), _PHOTO),
    "16 bits in a BigTIFF": (lambda: files.tiff(_DEEP, photometric="rgb", bigtiff=True), _PHOTO),
}


@pytest.mark.parametrize(
    ("door", "kind"), ways(list(READ), few=["float32", "Lab, 16 bits", "16 bits, two more channels"]), indirect=["door"]
)
def test_sound_tiff_of_a_rare_kind_is_read(door: Door, tmp_path: Path, kind: str) -> None:
    make, expected = READ[kind]
    path = tmp_path / "in.tif"
    path.write_bytes(make())
    picture = read(path)
    shown = picture.pixels[..., 0] if expected.ndim == 2 else picture.pixels
    assert float(np.abs(shown - expected / 255).mean()) < 0.006
    brought = door(path, output="TIFF")
    assert read(brought.content).bit_depth == picture.bit_depth
    if "two more" in kind:
        assert "2 more channels" in brought.said


def _frame_header(kind: int, bits: int) -> bytes:
    data = bytearray(files.encoded(_PHOTO, "JPEG"))
    at = data.find(b"\xff\xc0")
    data[at + 1], data[at + 4] = kind, bits
    return bytes(data)


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "JPEG with 12 bits": (lambda: _frame_header(0xC1, 12), "this one has 12"),
    "lossless JPEG": (lambda: _frame_header(0xC3, 8), "Lossless"),
    "hierarchical JPEG": (lambda: _frame_header(0xC5, 8), "hierarchical"),
    "TIFF with 32-bit whole numbers": (lambda: files.tiff(_DEEP.astype(np.uint32), photometric="rgb"), "32-bit"),
    "TIFF with signed samples": (lambda: files.tiff(_GRAY.astype(np.int16), photometric="minisblack"), "signed"),
    "TIFF of floats up to 255": (lambda: files.tiff(_PHOTO.astype("f4"), photometric="rgb"), "range from"),
    "deep CMYK": (
        lambda: files.tiff(np.dstack([_DEEP, _DEEP[..., 0]]), photometric="separated", **_EXTRA),
        "SEPARATED",
    ),
}


@pytest.mark.parametrize(
    ("door", "kind"), ways(list(REFUSED), few=["JPEG with 12 bits", "TIFF of floats up to 255"]), indirect=["door"]
)
def test_sound_file_that_is_not_read_is_refused_by_the_true_reason(door: Door, tmp_path: Path, kind: str) -> None:
    make, words = REFUSED[kind]
    path = tmp_path / "in.img"
    path.write_bytes(make())
    brought = door(path)
    assert brought.path is None
    assert words in brought.said
    assert "damaged" not in brought.said


def _pages(*pages: tuple[np.ndarray, dict[str, Any]], children: int = 0) -> bytes:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        for at, (samples, settings) in enumerate(pages):
            more = {"subifds": children} if at == 0 and children else {}
            file.write(samples, metadata=None, **{"photometric": "rgb"} | settings | more)
    return stream.getvalue()


_DNG = [(50706, 1, 4, bytes([1, 4, 0, 0]), True), (271, 2, 6, b"NIKON\0", True)]
_RAW = (
    np.arange(48 * 64, dtype=np.uint16).reshape(48, 64),
    {
        "photometric": 32803,
        "subfiletype": 0,
        "extratags": [(33421, 3, 2, (2, 2), True), (33422, 1, 4, b"\0\1\1\2", True)],
    },
)
THUMBNAILS: dict[str, Callable[[], bytes]] = {
    "marked": lambda: _pages((_THUMB, {"subfiletype": 1}), (_PHOTO, {"subfiletype": 0})),
    "marked the old way": lambda: _pages((_THUMB, {"extratags": [(255, 3, 1, 2, True)]}), (_PHOTO, {})),
    "not marked": lambda: _pages((_THUMB, {}), (_PHOTO, {})),
    "picture in a child": lambda: _pages((_THUMB, {"subfiletype": 1}), (_PHOTO, {"subfiletype": 0}), children=1),
    "deep picture": lambda: _pages((_THUMB, {"subfiletype": 1}), (_DEEP, {})),
    "raw with its preview": lambda: _pages((_PHOTO, {"subfiletype": 1, "extratags": _DNG}), _RAW, children=1),
}


@pytest.mark.parametrize(("door", "kind"), ways(list(THUMBNAILS), few=["marked"]), indirect=["door"])
def test_picture_of_a_tiff_is_not_its_thumbnail(door: Door, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "in.tif"
    path.write_bytes(THUMBNAILS[kind]())
    np.testing.assert_array_equal(read(path).to_array(bit_depth=8), _PHOTO)
    brought = door(path)
    assert Image.open(io.BytesIO(brought.content)).size == files.SIZE
    assert ("thumbnail" if "raw" not in kind else "camera raw") in brought.said
    assert "pictures" not in brought.said


def test_raw_without_a_preview_of_its_size_is_refused_with_a_way_out(door: Door, tmp_path: Path) -> None:
    path = tmp_path / "camera.dng"
    path.write_bytes(_pages((_THUMB, {"subfiletype": 1, "extratags": _DNG}), _RAW, children=1))
    brought = door(path)
    assert brought.path is None
    assert "camera raw" in brought.said
    assert "16x12 px" in brought.said
    assert "develop it" in brought.said


def test_pages_of_equal_rank_are_still_the_first_of_several(door: Door, tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    path.write_bytes(_pages((_PHOTO, {}), (np.ascontiguousarray(_PHOTO[::-1]), {})))
    np.testing.assert_array_equal(read(path).to_array(), _PHOTO)
    assert "2 pictures" in door(path).said


def _mpo(first: np.ndarray, second: np.ndarray, *, kinds: tuple[int, int]) -> bytes:
    """Return a JPEG file of two pictures whose kinds are these numbers of the Multi-Picture Format."""
    stream = io.BytesIO()
    Image.fromarray(first).save(stream, "MPO", save_all=True, append_images=[Image.fromarray(second)], quality=95)
    data = bytearray(stream.getvalue())
    index = data.index(b"MPF\0II*\0") + 4
    for at, kind in enumerate(kinds):
        entry = index + 50 + 16 * at
        data[entry : entry + 4] = kind.to_bytes(4, "little")
    return bytes(data)


def test_picture_of_a_multi_picture_jpeg_is_not_its_thumbnail(door: Door, tmp_path: Path) -> None:
    path = tmp_path / "in.jpg"
    path.write_bytes(_mpo(np.repeat(np.repeat(_THUMB, 2, 0), 2, 1), _PHOTO, kinds=(0x010001, 0x030000)))
    assert Image.open(io.BytesIO(door(path).content)).size == files.SIZE


def _cut(file_format: str, **options: Any) -> bytes:
    return files.encoded(_PHOTO, file_format, **options)


CUT: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: _cut("PNG")[:-14],
    "PNG without its end chunk": lambda: _cut("PNG")[:-12],
    "16-bit PNG": lambda: cv2.imencode(".png", _DEEP)[1].tobytes()[:-20],
    "JPEG": lambda: _cut("JPEG", quality=90)[:-2],
    "JPEG, more bytes": lambda: _cut("JPEG", quality=95)[:-12],
    "progressive JPEG": lambda: _cut("JPEG", progressive=True)[:-6],
    "GIF": lambda: _cut("GIF")[:-5],
    "BMP": lambda: _cut("BMP")[:-9],
    "WebP": lambda: _cut("WEBP", lossless=True)[:-2],
    "TIFF": lambda: _cut("TIFF")[:-30],
}


@pytest.mark.parametrize(("door", "kind"), ways(list(CUT), few=["JPEG", "PNG"]), indirect=["door"])
def test_file_that_lacks_only_its_last_bytes_is_read_with_a_note(door: Door, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "in.img"
    path.write_bytes(CUT[kind]())
    whole = _PHOTO[..., ::-1] if kind == "16-bit PNG" else _PHOTO
    assert float(np.abs(read(path).pixels[:40] - whole[:40] / 255).mean()) < 0.03
    assert "end of the file is missing" in door(path).said


@pytest.mark.parametrize("share", [0.3, 0.6])
@pytest.mark.parametrize("kind", list(CUT))
def test_file_that_lacks_more_is_refused(kind: str, share: float) -> None:
    data = CUT[kind]()
    with pytest.raises(InvalidImage):
        read(data[: int(share * len(data))])


@pytest.mark.parametrize("bits", [10, 12])
def test_deep_picture_of_low_range_is_denoised_by_its_own_level(
    case_service: Service, rng: np.random.Generator, bits: int
) -> None:
    clean = files.photo(width=192, height=160) / 255 * 0.8 + 0.1
    noisy = np.clip(clean + rng.normal(0, 20 / 255, clean.shape), 0, 1)
    full, low = (np.rint(noisy * largest).astype(np.uint16) for largest in (65535, 2**bits - 1))

    def restored(samples: np.ndarray) -> tuple[np.ndarray, dict[str, Any], str, int]:
        request = RestoreRequest(image=samples, task=Task.DENOISE, model="non-local-means")
        done = list(case_service.restore(request))[-1]
        assert isinstance(done, Done)
        written = read(encode(done.result.picture, "PNG")).to_array()
        return written, dict(done.result.parameters), " ".join(done.result.notes), int(done.result.array.max())

    usual, told, _, _ = restored(full)
    result, low_told, notes, largest = restored(low)
    assert low_told["sigma"] == pytest.approx(told["sigma"], rel=0.1)
    assert largest < 2**bits
    assert f"lowest {bits} of its 16 bits" in notes
    difference = result / (2**bits - 1) - usual / 65535
    assert float(np.sqrt(np.mean(difference**2))) < 0.005


def test_low_range_is_measured_alike_before_a_run(rng: np.random.Generator) -> None:
    low = np.rint(files.photo() / 255 * 1023).astype(np.uint16)
    shown = read_to_measure(cv2.imencode(".png", low)[1].tobytes())
    assert shown.white == pytest.approx(1023 / 65535)
    assert shown.pixels.max() > 0.9


def test_low_light_brightens_a_picture_of_low_range_to_the_full(rng: np.random.Generator) -> None:
    low = np.rint(files.photo() / 255 * 1023).astype(np.uint16)
    assert restore_once(low, task="low-light", model="clahe").array.max() > 4 * 1023


@pytest.mark.parametrize("size", [(17_000, 20), (20, 17_000)])
def test_side_that_is_too_long_is_shrunk_where_asked(door: Door, tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "panorama.png"
    Image.new("RGB", size, (90, 99, 120)).save(path)
    brought = door(path, fit=True)
    with Image.open(io.BytesIO(brought.content)) as image:
        assert max(image.size) == 16_384
    assert "Shrunk from" in brought.said
    refused = door(path)
    assert refused.path is None
    assert "at most 16384 px" in refused.said


def test_sixteen_bit_result_says_what_its_image_has_lost() -> None:
    result = restore_once(_DEEP, task="denoise", model="median")
    assert result.array.dtype == np.uint16
    np.testing.assert_array_equal(result.array, result.picture.to_array(bit_depth=16))
    assert "8 of 16" in result.image.info["bit_depth"]
    assert "bit_depth" not in restore_once(_PHOTO, task="denoise", model="median").image.info
