from __future__ import annotations

import errno
import io
import struct
from dataclasses import replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from restoration.errors import InvalidRequest
from restoration.images import FileFormat, Picture, encode, lossless_format, preview_bytes, read, write

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _exif() -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "A. Painter"
    return exif.tobytes()


def _picture(channels: int, bit_depth: int, *, height: int = 9, width: int = 14) -> Picture:
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    samples = np.random.default_rng(3).integers(0, np.iinfo(dtype).max, (height, width, channels), dtype=dtype)
    return read(samples)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(("file_format", "bit_depth"), [("PNG", 8), ("PNG", 16), ("TIFF", 8), ("TIFF", 16)])
def test_lossless_file_gives_back_samples_depth_and_kind(
    channels: int, file_format: FileFormat, bit_depth: int
) -> None:
    if (file_format, bit_depth, channels) == ("TIFF", 16, 2):
        pytest.skip("written as colour: hardly any reader opens such a file")
    picture = _picture(channels, bit_depth)
    back = read(encode(picture, file_format))
    np.testing.assert_array_equal(back.to_array(), picture.to_array())
    assert (back.bit_depth, back.is_gray, back.format) == (bit_depth, channels < 3, file_format)


def test_sixteen_bit_gray_with_alpha_becomes_colour_in_a_tiff() -> None:
    picture = _picture(2, 16)
    back = read(encode(picture, "TIFF"))
    np.testing.assert_array_equal(back.pixels, picture.pixels)
    np.testing.assert_array_equal(back.alpha, picture.alpha)


def _gray_profile(curve: bytes, *, connection: bytes = b"XYZ ") -> bytes:
    """Return an ICC profile of gray with that curve, of version 2."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    words = b"Gray"
    name = b"desc\0\0\0\0" + struct.pack(">I", len(words) + 1) + words + bytes(1 + 12 + 67)
    elements = {b"desc": name + bytes(-len(name) % 4), b"wtpt": white, b"kTRC": curve + bytes(-len(curve) % 4)}
    table, body = struct.pack(">I", len(elements)), b""
    for tag, content in elements.items():
        table += struct.pack(">4sII", tag, 128 + 4 + 12 * len(elements) + len(body), len(content))
        body += content
    header = struct.pack(">I4xI", 128 + len(table) + len(body), 0x02200000) + b"mntrGRAY" + connection
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    return header.ljust(128, b"\0") + table + body


_POWER = b"curv\0\0\0\0" + struct.pack(">IH", 1, 0x01CD)  # 1.8
_TABLE = b"curv\0\0\0\0" + struct.pack(">I5H", 5, 0, 2000, 14000, 35000, 65535)


def _as_srgb(image: Image.Image, profile: bytes) -> np.ndarray:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    shown = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert shown is not None
    return np.asarray(shown).astype(int)


@pytest.mark.parametrize("curve", [_POWER, _TABLE], ids=["power", "table"])
@pytest.mark.parametrize("file_format", ["TIFF", "WEBP"])
def test_gray_that_is_written_as_colour_looks_the_same(file_format: FileFormat, curve: bytes) -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    opaque = np.full_like(ramp, 255)
    profile = _gray_profile(curve)
    samples = np.stack([ramp, opaque], axis=2).astype(np.uint16) * 257
    back = read(encode(replace(read(samples), icc_profile=profile), file_format))
    assert back.icc_profile is not None
    np.testing.assert_array_equal(back.to_array(bit_depth=8)[..., 1], ramp)
    expected = _as_srgb(Image.fromarray(ramp), profile)
    colours = Image.fromarray(np.ascontiguousarray(back.to_array(bit_depth=8)[..., :3]))
    np.testing.assert_allclose(_as_srgb(colours, back.icc_profile), expected, atol=1)


@pytest.mark.parametrize("file_format", ["TIFF", "WEBP"])
def test_gray_that_a_colour_network_has_tinted_stays_gray(file_format: FileFormat) -> None:
    tinted = replace(_picture(4, 16), is_gray=True)
    pixels = read(encode(tinted, file_format)).pixels
    np.testing.assert_array_equal(pixels, np.repeat(pixels[..., :1], 3, axis=2))


@pytest.mark.parametrize(
    "profile", [_gray_profile(_POWER)[:200], _gray_profile(_POWER, connection=b"Lab "), _gray_profile(b"")[:128]]
)
def test_gray_profile_that_is_no_single_curve_is_left_out_of_colour_files(profile: bytes) -> None:
    content = encode(replace(_picture(2, 16), icc_profile=profile), "TIFF")
    assert b"GRAY" not in content
    assert read(content).icc_profile is None


@pytest.mark.parametrize("channels", [3, 4])
def test_webp_gives_back_its_samples_also_under_transparency(channels: int) -> None:
    picture = _picture(channels, 8)
    np.testing.assert_array_equal(read(encode(picture, "WEBP")).to_array(), picture.to_array())


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_large_profile_survives_in_any_format_and_is_written_where_others_read_it(file_format: FileFormat) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 2**20, np.uint8).tobytes()
    picture = replace(_picture(3, 8), icc_profile=PROFILE + noise)
    assert read(encode(picture, file_format)).icc_profile == PROFILE + noise
    assert lossless_format(picture) == "TIFF"
    assert lossless_format(replace(picture, icc_profile=PROFILE)) == "PNG"


@pytest.mark.parametrize("bit_depth", [8, 16])
@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_profile_survives(file_format: FileFormat, bit_depth: int) -> None:
    picture = replace(_picture(3, bit_depth), icc_profile=PROFILE)
    assert read(encode(picture, file_format)).icc_profile == PROFILE


@pytest.mark.parametrize("bit_depth", [8, 16])
@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "JPEG"])
def test_exif_survives(file_format: FileFormat, bit_depth: int) -> None:
    picture = replace(_picture(3, bit_depth), exif=_exif())
    kept = Image.Exif()
    kept.load(read(encode(picture, file_format)).exif)
    assert kept[ExifTags.Base.Artist] == "A. Painter"


def test_sixteen_bit_png_is_read_alike_by_an_independent_reader() -> None:
    picture = _picture(3, 16)
    decoded = cv2.imdecode(np.frombuffer(encode(picture, "PNG"), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(decoded[..., ::-1], picture.to_array())


@pytest.mark.parametrize("bit_depth", [8, 16])
def test_description_stands_in_the_png(bit_depth: int) -> None:
    data = encode(_picture(3, bit_depth), "PNG", description="sigma 25 · Größe")
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.info["Description"] == "sigma 25 · Größe"


def test_transparent_parts_of_a_jpeg_are_white() -> None:
    pixels = np.zeros((16, 16, 3), np.float32)
    picture = Picture(pixels=pixels, alpha=np.zeros((16, 16), np.float32))
    assert read(encode(picture, "JPEG")).pixels.min() > 0.98


@pytest.mark.parametrize(
    ("source", "expected"),
    [("PNG", "PNG"), ("TIFF", "TIFF"), ("WEBP", "WEBP"), ("JPEG", "PNG"), ("HEIF", "PNG"), ("GIF", "PNG"), ("", "PNG")],
)
def test_lossless_format_is_the_pictures_own_where_it_has_one(source: str, expected: str) -> None:
    assert lossless_format(replace(_picture(3, 8), format=source)) == expected


def test_unknown_ending_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"\.png, \.tif"):
        write(_picture(3, 8), tmp_path / "out.xyz")


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="another folder"):
        write(_picture(3, 8), tmp_path / "none" / "out.png")


def test_written_file_leaves_nothing_beside_it(tmp_path: Path) -> None:
    write(_picture(3, 8), tmp_path / "out.png")
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


@pytest.mark.parametrize(("height", "width"), [(300, 100), (2000, 3000)])
def test_preview_is_small_and_eight_bit(height: int, width: int) -> None:
    preview = read(preview_bytes(_picture(3, 16, height=height, width=width), max_side_px=2048))
    assert preview.bit_depth == 8
    assert max(preview.width, preview.height) == min(2048, max(height, width))


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("bit_depth", [8, 16])
def test_resolution_survives(file_format: FileFormat, bit_depth: Literal[8, 16]) -> None:
    picture = Picture(np.full((8, 8, 3), 0.5, np.float32), bit_depth=bit_depth, dpi=(300, 150))
    assert read(encode(picture, file_format)).dpi == pytest.approx((300, 150), abs=0.02)


def test_tiff_keeps_texts_of_picture_camera_and_rights() -> None:
    exif, base = Image.Exif(), ExifTags.Base
    tags = (base.ImageDescription, base.Make, base.Model, base.Software, base.DateTime, base.Artist, base.Copyright)
    for tag in tags:
        exif[tag] = tag.name
    picture = Picture(np.zeros((8, 8, 3), np.float32), exif=exif.tobytes())
    with Image.open(io.BytesIO(encode(picture, "TIFF"))) as image:
        assert {tag: image.getexif().get(tag) for tag in tags} == {tag: tag.name for tag in tags}


def test_exif_too_large_for_jpeg_is_left_out() -> None:
    exif = Image.Exif()
    exif[0x010E] = "x" * 70_000
    picture = Picture(np.zeros((8, 8, 3), np.float32), exif=exif.tobytes())
    assert read(encode(picture, "JPEG")).exif is None
    assert read(encode(picture, "PNG")).exif is not None


@pytest.mark.parametrize(("file_format", "width"), [("WEBP", 16384), ("JPEG", 65501)])
def test_picture_too_wide_for_a_format_is_refused_by_name(file_format: FileFormat, width: int) -> None:
    with pytest.raises(InvalidRequest, match="choose PNG or TIFF"):
        encode(Picture(np.zeros((1, width, 3), np.float32)), file_format)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (900, 1300)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("bit_depth", [8, 16])
def test_other_readers_find_the_same_samples_in_our_png(
    size: tuple[int, int], channels: int, bit_depth: int, rng: np.random.Generator
) -> None:
    samples = rng.integers(0, 2**bit_depth, (*size, channels)).astype(np.uint8 if bit_depth == 8 else np.uint16)
    content = encode(read(samples), "PNG")
    seen = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert seen is not None
    seen = seen.reshape(*size, -1)
    expected = {1: [0], 2: [0, 0, 0, 1], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    np.testing.assert_array_equal(seen, samples[..., expected])
    if bit_depth == 8:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            np.testing.assert_array_equal(np.asarray(image).reshape(*size, -1), samples)


def test_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InvalidRequest, match=r"No space left on device.*make room"):
        write(read(np.zeros((4, 4, 3), np.uint8)), tmp_path / "result.png")
    assert not list(tmp_path.iterdir())


def test_picture_too_wide_for_its_own_format_becomes_a_png() -> None:
    wide = replace(read(np.zeros((1, 16_384, 3), np.uint8)), format="WEBP")
    assert lossless_format(wide) == "PNG"
    assert lossless_format(replace(wide, pixels=wide.pixels[:, :100])) == "WEBP"
