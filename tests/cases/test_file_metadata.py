"""What a file says beside its pixels comes out as it went in."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image, ImageCms

from restoration.images import encode, read
from tests.cases import files
from tests.cases.doors import Door, ways

OUTPUTS = ("PNG", "TIFF", "WEBP", "JPEG")


def _all(*sources: str) -> list[tuple[str, str]]:
    """Return each source with each format of output."""
    return list(product(sources, OUTPUTS))


_UTF8 = "© 2024 José Núñez, Großmutter".encode()
_LATIN = "Café Zürich 1931".encode("latin-1")
_DAY = b"1987:07:04 12:00:00\0"
_BLOCK = files.exif(
    (0x10E, 2, len(_LATIN) + 1, _LATIN + b"\0"),
    (0x8298, 2, len(_UTF8) + 1, _UTF8 + b"\0"),
    (0x9C9B, 1, 8, "Oma\0".encode("utf-16-le")),
    details=(
        (0x9003, 2, 20, _DAY),
        (0x9201, 10, 1, struct.pack("<ii", -5, 0)),
        (0x920A, 5, 1, struct.pack("<II", 0, 0)),
        (0x927C, 7, 9, b"Maker\x00\x01\x02\x03"),
    ),
)


def _source(file_format: str) -> bytes:
    if file_format == "HEIF":
        stream = io.BytesIO()
        pillow_heif.from_pillow(Image.fromarray(files.photo())).save(stream, quality=90, exif=_BLOCK)
        return stream.getvalue()
    return files.encoded(files.photo(), file_format, exif=_BLOCK)


def _directories(path: Path) -> tuple[dict[int, object], dict[int, object]]:
    with Image.open(path) as image:
        exif = image.getexif()
        return dict(exif), dict(exif.get_ifd(0x8769))


@pytest.mark.parametrize(
    ("door", "source", "output"),
    ways(_all("JPEG", "PNG", "WEBP", "AVIF", "HEIF"), few=[("JPEG", "TIFF"), ("AVIF", "PNG")]),
    indirect=["door"],
)
def test_texts_and_odd_values_keep_their_bytes(door: Door, tmp_path: Path, source: str, output: str) -> None:
    path = tmp_path / f"in.{source.lower()}"
    path.write_bytes(_source(source))
    brought = door(path, output=output)
    for words in (_UTF8, _LATIN, "Oma".encode("utf-16-le"), _DAY, b"Maker\x00\x01\x02\x03", struct.pack("<ii", -5, 0)):
        assert words in brought.content
    assert brought.path is not None
    main, details = _directories(brought.path)
    assert main[0x10E] == _LATIN.decode("latin-1")
    assert details[0x9003] == _DAY[:-1].decode()


@pytest.mark.parametrize(
    ("door", "source", "output"), ways(_all("TIFF", "JPEG"), few=[("TIFF", "TIFF")]), indirect=["door"]
)
def test_exif_directory_of_a_tiff_survives(door: Door, tmp_path: Path, source: str, output: str) -> None:
    exif = Image.Exif()
    exif[0x110], exif[0x132], exif[0x4746] = "Cam", "2024:01:01 00:00:00", 5
    exif[0x8769] = {0x9003: "1987:07:04 12:00:00", 0x829A: 0.004, 0xA434: "50mm"}
    exif.endian = "<" if source == "TIFF" else ">"
    path = tmp_path / "in.img"
    path.write_bytes(files.encoded(files.photo(), source, exif=exif.tobytes()))
    brought = door(path, output=output)
    assert brought.path is not None
    main, details = _directories(brought.path)
    assert (main[0x110], main[0x132], main[0x4746]) == ("Cam", "2024:01:01 00:00:00", 5)
    assert details[0x9003] == "1987:07:04 12:00:00"
    assert details[0xA434] == "50mm"
    assert float(details[0x829A]) == pytest.approx(0.004)  # type: ignore[arg-type]


@pytest.mark.parametrize("bits", [8, 16])
def test_tiff_with_exif_is_read_by_three_other_libraries(tmp_path: Path, bits: int) -> None:
    exif = struct.pack(">I", 8) + struct.pack(">HHHI4s", 1, 0x10F, 2, 4, b"Cam\0") + bytes(4)
    source = files.encoded(files.photo(), "JPEG", exif=b"Exif\0\0MM\0*" + exif)
    picture = read(source)
    content = encode(replace(picture, bit_depth=16 if bits == 16 else 8), "TIFF")
    expected = replace(picture, bit_depth=16 if bits == 16 else 8).to_array()
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(content)), expected)
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(content, np.uint8), -1)[..., ::-1], expected)
    if bits == 8:
        with Image.open(io.BytesIO(content)) as image:
            np.testing.assert_array_equal(np.asarray(image), expected)
            assert image.getexif()[0x10F] == "Cam"


def test_exif_too_large_for_jpeg_loses_only_its_largest_value(door: Door, tmp_path: Path) -> None:
    block = files.exif((0x10F, 2, 4, b"Cam\0"), details=((0x9003, 2, 20, _DAY), (0x927C, 7, 70_000, bytes(70_000))))
    path = tmp_path / "in.png"
    path.write_bytes(files.encoded(files.photo(), "PNG", exif=block))
    brought = door(path, output="JPEG")
    assert brought.path is not None
    main, details = _directories(brought.path)
    assert main[0x10F] == "Cam"
    assert details == {0x9003: _DAY[:-1].decode()}


_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="r"><rdf:Description tiff:Orientation="6" '
    b'exif:GPSLatitude="48,8.5N" xmp:Rating="4"><dc:title>Gro\xc3\x9fmutter</dc:title>'
    b"<exif:GPSLongitude>11,34.5E</exif:GPSLongitude><photoshop:City>M\xc3\xbcnchen</photoshop:City>"
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)


@pytest.mark.parametrize(
    ("door", "source", "output"),
    ways(_all("JPEG", "WEBP", "PNG", "TIFF", "AVIF"), few=[("JPEG", "PNG")]),
    indirect=["door"],
)
def test_xmp_is_kept_but_for_the_place(door: Door, tmp_path: Path, source: str, output: str) -> None:
    if source == "PNG":
        data = files.with_png_chunk(files.encoded(files.photo(), "PNG"), b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + _XMP)
    elif source == "TIFF":
        data = files.tiff(files.photo(), photometric="rgb", extratags=[(700, 1, len(_XMP), _XMP, True)])
    else:
        data = files.encoded(files.photo(), source, xmp=_XMP)
    path = tmp_path / "in.img"
    path.write_bytes(data)
    content = door(path, output=output).content
    assert "<dc:title>Großmutter</dc:title>".encode() in content
    assert b'xmp:Rating="4"' in content
    for gone in (b"GPSLatitude", b"GPSLongitude", "München".encode(), b"tiff:Orientation"):
        assert gone not in content
    with_place = read(data, keep_gps=True).xmp
    assert with_place is not None
    assert b"GPSLatitude" in with_place


@pytest.mark.parametrize(
    "hidden", [b"<!DOCTYPE x [<!ENTITY g 'exif:GPSLatitude'>]>" + _XMP, _XMP.decode().encode("utf-16")]
)
def test_xmp_that_could_hide_the_place_is_left_out(hidden: bytes) -> None:
    assert read(files.encoded(files.photo(), "JPEG", xmp=hidden)).xmp is None


def _shown(samples: np.ndarray, profile: bytes) -> np.ndarray:
    """Return what a colour-managed viewer shows, in sRGB."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    shown = ImageCms.profileToProfile(Image.fromarray(samples), source, ImageCms.createProfile("sRGB"))
    assert shown is not None
    return np.asarray(shown).astype(int)


_MUTED = np.full((48, 64, 3), (90, 160, 70), np.uint8)


def _muted_as_srgb(primaries: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Return a colour of these primaries (columns of x, y; D65) in sRGB, 0-255."""
    white = np.array([0.3127 / 0.3290, 1, (1 - 0.3127 - 0.3290) / 0.3290])

    def matrix(points: np.ndarray) -> np.ndarray:
        columns = np.stack([points[:, 0] / points[:, 1], np.ones(3), (1 - points.sum(axis=1)) / points[:, 1]])
        return columns * np.linalg.solve(columns, white)

    srgb = np.array([(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)])
    linear = np.clip(np.linalg.solve(matrix(srgb), matrix(primaries) @ light), 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _srgb_light(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


_P3 = np.array([(0.680, 0.320), (0.265, 0.690), (0.150, 0.060)])
_ADOBE = np.array([(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)])
_ADOBE_EXIF = files.exif((0x10F, 2, 4, b"Cam\0"), details=((0xA001, 3, 1, struct.pack("<H", 2)),))


def _heic(codes: tuple[int, int]) -> bytes:
    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(_MUTED)).save(
        stream, quality=100, chroma=444, color_primaries=codes[0], transfer_characteristics=codes[1]
    )
    return stream.getvalue()


def _named_colour(kind: str) -> bytes:
    plain = files.encoded(_MUTED, "PNG")
    if kind == "PNG cICP":
        return files.with_png_chunk(plain, b"cICP", bytes((12, 13, 0, 1)))
    if kind == "PNG cHRM":
        points = np.rint(1e5 * np.concatenate([[(0.3127, 0.3290)], _ADOBE]).ravel()).astype(int)
        with_points = files.with_png_chunk(plain, b"cHRM", struct.pack(">8I", *points))
        return files.with_png_chunk(with_points, b"gAMA", struct.pack(">I", round(1e5 * 256 / 563)))
    if kind == "HEIC nclx":
        return _heic((12, 13))
    return files.encoded(_MUTED, "JPEG", quality=100, subsampling=0, exif=_ADOBE_EXIF)


@pytest.mark.parametrize(
    ("door", "kind", "output"),
    ways(_all("PNG cICP", "PNG cHRM", "HEIC nclx", "EXIF ColorSpace"), few=[("HEIC nclx", "PNG")]),
    indirect=["door"],
)
def test_colours_named_by_numbers_look_the_same_afterwards(door: Door, tmp_path: Path, kind: str, output: str) -> None:
    path = tmp_path / "in.img"
    path.write_bytes(_named_colour(kind))
    brought = door(path, output=output)
    with Image.open(io.BytesIO(brought.content)) as image:
        shown = _shown(np.asarray(image.convert("RGB")), image.info["icc_profile"]).reshape(-1, 3).mean(axis=0)
    values = _MUTED[0, 0] / 255
    is_p3 = kind in ("PNG cICP", "HEIC nclx")
    light = _srgb_light(values) if is_p3 else values ** (563 / 256)
    if kind == "PNG cHRM":
        light = _srgb_light(values)  # a gamma of nearly 1/2.2 counts as the curve of sRGB
    np.testing.assert_allclose(shown, _muted_as_srgb(_P3 if is_p3 else _ADOBE, light), atol=3)


def test_cicp_of_a_png_is_written_again() -> None:
    for codes in ((12, 13), (9, 16), (9, 18)):
        data = files.with_png_chunk(files.encoded(_MUTED, "PNG"), b"cICP", bytes((*codes, 0, 1)))
        assert b"cICP" + bytes((*codes, 0, 1)) in encode(read(data), "PNG")


@pytest.mark.parametrize("codes", [(1, 13), (2, 2), (1, 1)])
def test_colours_of_srgb_need_no_profile(codes: tuple[int, int]) -> None:
    assert read(_heic(codes)).icc_profile is None


@pytest.mark.parametrize("bits", [10, 12])
def test_deep_avif_leaves_with_sixteen_bits(door: Door, tmp_path: Path, bits: int) -> None:
    ramp = np.repeat(np.linspace(0, 2**bits - 1, 64 * 48).astype(np.uint16).reshape(48, 64, 1), 3, axis=2)
    options = [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 100]
    written, content = cv2.imencode(".avif", ramp, options)
    if not written:
        pytest.skip("this OpenCV writes no AVIF")
    path = tmp_path / "in.avif"
    path.write_bytes(content.tobytes())
    brought = door(path)
    result = read(brought.content)
    assert result.bit_depth == 16
    assert len(np.unique(result.to_array())) > 256
    assert float(np.abs(result.pixels - ramp / (2**bits - 1)).mean()) < 0.01
    assert result.pixels.max() > 0.98
