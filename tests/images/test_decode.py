from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms

from restoration.errors import CorruptImage, ImageTooLarge, InvalidImage, UnsupportedImage
from restoration.images import Picture, encode, probe, read
from restoration.images.jpeg import estimate_quality

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ORIENTATIONS = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.swapaxes(np.rot90(a, 2), 0, 1),
    8: np.rot90,
}


def _file(image: Image.Image, file_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


@pytest.fixture
def samples(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (12, 17, 4), dtype=np.uint8)


@pytest.fixture
def deep(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 65536, (12, 17, 4), dtype=np.uint16)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)])
@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_eight_bit_file_gives_its_samples(samples: np.ndarray, mode: str, channels: int, file_format: str) -> None:
    array = samples[..., 0] if channels == 1 else samples[..., :channels]
    picture = read(_file(Image.fromarray(array, mode=None), file_format))
    np.testing.assert_array_equal(picture.to_array(), array)
    assert (picture.bit_depth, picture.is_gray, picture.format) == (8, channels < 3, file_format)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bit_png_gives_its_samples(deep: np.ndarray, channels: int) -> None:
    array = deep[..., 0] if channels == 1 else deep[..., :channels]
    bgr = array if channels == 1 else np.concatenate([array[..., 2::-1], array[..., 3:]], axis=2)
    picture = read(cv2.imencode(".png", bgr)[1].tobytes())
    assert picture.bit_depth == 16
    np.testing.assert_array_equal(picture.to_array(), array)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_sixteen_bit_tiff_gives_its_samples(deep: np.ndarray, channels: int, compression: str | None) -> None:
    array = deep[..., 0] if channels == 1 else deep[..., :channels]
    stream = io.BytesIO()
    photometric = "minisblack" if channels == 1 else "rgb"
    extra = ("unassalpha",) if channels == 4 else None
    tifffile.imwrite(stream, array, photometric=photometric, extrasamples=extra, compression=compression)
    picture = read(stream.getvalue())
    assert picture.bit_depth == 16
    np.testing.assert_array_equal(picture.to_array(), array)


@pytest.mark.parametrize("dark", [1, 200])
def test_bit_depth_comes_from_the_file_and_not_from_the_largest_value(dark: int) -> None:
    array = np.full((4, 4), dark, np.uint16)
    picture = read(cv2.imencode(".png", array)[1].tobytes())
    assert picture.pixels.max() == pytest.approx(dark / 65535)


def test_one_bit_picture_is_black_and_white() -> None:
    array = np.eye(8, dtype=bool)
    picture = read(_file(Image.fromarray(array), "PNG"))
    assert picture.is_gray
    np.testing.assert_array_equal(picture.pixels[..., 0], array)


def test_palette_with_transparency_becomes_colour_with_alpha() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putdata([0, 1])
    picture = read(_file(image, "PNG", transparency=1))
    assert not picture.is_gray
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[1, 0]]
    assert picture.pixels[0, 0].tolist() == [1, 0, 0]


def test_gray_palette_is_gray() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 10, 10, 99, 99, 99])
    image.putdata([0, 1])
    assert read(_file(image, "PNG")).is_gray


def test_colour_file_with_equal_channels_stays_colour() -> None:
    assert not read(_file(Image.new("RGB", (4, 4), (9, 9, 9)), "PNG")).is_gray


def test_transparent_colour_of_a_png_becomes_alpha() -> None:
    image = Image.new("RGB", (2, 1), (1, 2, 3))
    image.putpixel((1, 0), (9, 9, 9))
    picture = read(_file(image, "PNG", transparency=(1, 2, 3)))
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[0, 1]]


def test_cmyk_jpeg_becomes_srgb() -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    picture = read(_file(image, "JPEG", quality=95))
    assert picture.pixels.shape == (16, 16, 3)
    red, green, blue = picture.pixels.mean(axis=(0, 1))
    assert red > 0.8 > 0.3 > max(green, blue)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once_and_forgotten(samples: np.ndarray, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Artist] = "A. Painter"
    data = _file(Image.fromarray(samples[..., :3]), "PNG", exif=exif)
    picture = read(data)
    np.testing.assert_array_equal(picture.to_array(), ORIENTATIONS[orientation](samples[..., :3]))
    header = probe(data)
    assert (header.width, header.height) == (picture.width, picture.height)
    kept = Image.Exif()
    kept.load(picture.exif)
    assert kept.get(ExifTags.Base.Orientation) is None
    assert kept[ExifTags.Base.Artist] == "A. Painter"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_sixteen_bit_tiff_is_applied_once(deep: np.ndarray, orientation: int) -> None:
    stream = io.BytesIO()
    tags = [(274, 3, 1, orientation, True)]
    tifffile.imwrite(stream, deep[..., :3], photometric="rgb", extratags=tags)
    picture = read(stream.getvalue())
    np.testing.assert_array_equal(picture.to_array(), ORIENTATIONS[orientation](deep[..., :3]))
    header = probe(stream.getvalue())
    assert (header.width, header.height) == (picture.width, picture.height)


@pytest.mark.parametrize("orientation", list(ORIENTATIONS))
def test_orientation_of_eight_bit_tiff_is_applied_once(samples: np.ndarray, orientation: int) -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples[..., :3], photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
    picture, header = read(stream.getvalue()), probe(stream.getvalue())
    np.testing.assert_array_equal(picture.to_array(), ORIENTATIONS[orientation](samples[..., :3]))
    assert (header.width, header.height) == (picture.width, picture.height)


@pytest.mark.parametrize("orientation", [0, 9, 99])
def test_senseless_orientation_is_ignored(samples: np.ndarray, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    picture = read(_file(Image.fromarray(samples[..., :3]), "PNG", exif=exif))
    np.testing.assert_array_equal(picture.to_array(), samples[..., :3])


@pytest.mark.parametrize("keep_gps", [False, True])
def test_place_is_kept_only_when_asked_for(keep_gps: bool) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Camera"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    picture = read(_file(Image.new("RGB", (8, 8)), "JPEG", exif=exif), keep_gps=keep_gps)
    kept = Image.Exif()
    kept.load(picture.exif)
    assert kept[ExifTags.Base.Make] == "Camera"
    assert bool(kept.get_ifd(ExifTags.IFD.GPSInfo)) is keep_gps


def test_an_opened_picture_is_left_as_it_is_and_can_be_read_again() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Software] = "Editor"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageWidth] = 20
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    opened = Image.open(io.BytesIO(_file(Image.new("RGB", (20, 10)), "JPEG", exif=exif)))
    first, second = read(opened), read(opened)
    assert (first.width, first.height) == (second.width, second.height) == (10, 20)
    assert first.exif == second.exif
    assert opened.getexif()[ExifTags.Base.Orientation] == 6
    assert opened.getexif().get_ifd(ExifTags.IFD.Exif) == {ExifTags.Base.ExifImageWidth: 20}
    assert opened.getexif().get_ifd(ExifTags.IFD.GPSInfo) == {ExifTags.GPS.GPSLatitudeRef: "N"}


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_too_little_memory_is_not_called_damage(monkeypatch: pytest.MonkeyPatch, file_format: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    data = _file(Image.new("RGB", (8, 8)), file_format)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    with pytest.raises(MemoryError):
        read(data)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_blocks_of_a_tiff_that_may_name_the_place_or_hold_the_original_are_not_kept(dtype: type) -> None:
    stream = io.BytesIO()
    xmp, photoshop = b"<x:xmpmeta>exif:GPSLatitude</x:xmpmeta>", b"8BIM-thumbnail"
    tags = [(700, 1, len(xmp), xmp, True), (34377, 1, len(photoshop), photoshop, True), (271, 2, 0, "Camera", True)]
    tifffile.imwrite(stream, np.zeros((8, 8, 3), dtype), photometric="rgb", extratags=tags)
    picture = read(stream.getvalue())
    for file_format in ("PNG", "TIFF", "WEBP", "JPEG"):
        content = encode(picture, file_format)
        assert b"GPSLatitude" not in content
        assert b"8BIM-thumbnail" not in content
        assert b"Camera" in content


@pytest.mark.parametrize(("kind", "channels"), [("unspecified", 3), ("assocalpha", 4), ("unassalpha", 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_fourth_channel_of_a_tiff_is_what_the_file_says(kind: str, channels: int, dtype: type) -> None:
    half = np.iinfo(dtype).max // 2
    stream = io.BytesIO()
    samples = np.full((8, 8, 4), half, dtype)
    tifffile.imwrite(stream, samples, photometric="rgb", extrasamples=[kind])
    picture = read(stream.getvalue())
    assert (picture.alpha is None) == (channels == 3)
    assert picture.pixels.mean() == pytest.approx(1.0 if kind == "assocalpha" else 0.5, abs=0.01)


def test_ten_bit_heic_gives_its_primary_picture_with_full_white() -> None:
    dark, white = (
        pillow_heif.from_bytes(mode="RGB;16", size=(64, 48), data=np.full((48, 64, 3), level, np.uint16).tobytes())
        for level in (0, 65535)
    )
    dark.add_from_heif(white[0])
    stream = io.BytesIO()
    dark.save(stream, quality=-1, primary_index=1)
    picture = read(stream.getvalue())
    assert picture.bit_depth == 16
    assert float(picture.pixels.min()) > 0.999
    assert float(picture.pixels.max()) == pytest.approx(1.0, abs=1e-6)


def test_frames_of_a_palette_animation_are_counted() -> None:
    frames = [Image.new("RGB", (8, 8), colour).convert("P") for colour in ("red", "green", "blue")]
    data = _file(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read(data).frames == probe(data).frames == 3


def _with_repeated_scan(data: bytes, times: int) -> bytes:
    """Return a JPEG file with its last scan that many times more."""
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * times + data[-2:]


def test_jpeg_with_more_scans_than_any_encoder_writes_is_refused() -> None:
    data = _file(Image.new("L", (64, 64), 99), "JPEG", progressive=True)
    written = data.count(b"\xff\xda")
    most = _with_repeated_scan(data, 100 - written)
    np.testing.assert_array_equal(read(most).pixels, read(data).pixels)
    for look in (read, probe):
        with pytest.raises(UnsupportedImage, match=r"at most 100 scans .* save it anew"):
            look(_with_repeated_scan(most, 1))


@pytest.mark.parametrize("place", ["before", "behind"])
def test_scans_of_what_is_not_the_picture_do_not_count(place: str) -> None:
    data, scans = _file(Image.new("L", (64, 64), 99), "JPEG"), b"\xff\xda" * 500
    preview = b"\xff\xe1" + struct.pack(">H", 2 + len(scans)) + scans
    assert read(data[:2] + preview + data[2:] if place == "before" else data + scans).width == 64


def test_jpeg_with_a_flood_of_segments_is_refused() -> None:
    data = _file(Image.new("L", (64, 64)), "JPEG")
    with pytest.raises(UnsupportedImage, match="10,000 segments"):
        probe(data[:2] + b"\xff\xfe\x00\x02" * 10_001 + data[2:])


def test_gif_with_a_flood_of_comments_is_refused() -> None:
    data = _file(Image.new("L", (1, 1)), "GIF")
    picture = data.index(b",")
    flooded = [data[:picture] + b"!\xfe\x01a\x00" * times + data[picture:] for times in (1000, 2000)]
    assert read(flooded[0]).width == 1
    with pytest.raises(UnsupportedImage, match=r"at most 5000 blocks .* save it anew"):
        read(flooded[1])


@pytest.mark.parametrize(("frames", "told"), [(1, 1), (2, 2), (999, 999), (1000, 1000), (1001, 1000), (50_000, 1000)])
def test_counting_the_frames_of_a_gif_ends_at_a_thousand(frames: int, told: int) -> None:
    data = _file(Image.new("L", (1, 1)), "GIF")
    picture = data.index(b",")
    data = data[:picture] + data[picture:-1] * frames + data[-1:]
    assert probe(data).frames == read(data).frames == told


def test_frames_of_a_gif_are_counted_as_pillow_counts_them(rng: np.random.Generator) -> None:
    frames = [Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)) for _ in range(4)]
    data = _file(frames[0], "GIF", save_all=True, append_images=frames[1:], comment=b"x" * 600, loop=0)
    with Image.open(io.BytesIO(data)) as image:
        assert probe(data).frames == image.n_frames == 4


@pytest.mark.parametrize("settings", [{}, {"bigtiff": True}, {"byteorder": ">"}])
@pytest.mark.parametrize(("frames", "told"), [(1, 1), (3, 3), (1001, 1000)])
def test_counting_the_frames_of_a_tiff_ends_at_a_thousand(settings: dict[str, Any], frames: int, told: int) -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream, **settings) as file:
        for _ in range(frames):
            file.write(np.zeros((1, 1), np.uint8), metadata=None)
    assert probe(stream.getvalue()).frames == read(stream.getvalue()).frames == told


def test_directories_of_a_tiff_that_go_in_a_circle_are_counted_once() -> None:
    data = bytearray(_tiff(np.zeros((4, 4), np.uint8)))
    (first,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<I", data, first + 2 + 12 * entries, first)
    assert probe(bytes(data)).frames == 1


def test_number_of_frames_that_a_png_claims_is_told_up_to_a_thousand() -> None:
    frames = [Image.new("L", (1, 1), shade) for shade in (0, 255)]
    data = bytearray(_file(frames[0], "PNG", save_all=True, append_images=frames[1:]))
    start = data.index(b"acTL")
    struct.pack_into(">I", data, start + 4, 2_000_000_000)
    struct.pack_into(">I", data, start + 12, zlib.crc32(data[start : start + 12]))
    assert probe(bytes(data)).frames == 1000


def test_profile_is_kept_only_where_it_fits_the_colour_space() -> None:
    assert read(_file(Image.new("RGB", (4, 4)), "PNG", icc_profile=PROFILE)).icc_profile == PROFILE
    assert read(_file(Image.new("L", (4, 4)), "PNG", icc_profile=PROFILE)).icc_profile is None


@pytest.mark.parametrize("quality", range(5, 100, 5))
def test_jpeg_quality_is_read_from_its_tables(samples: np.ndarray, quality: int) -> None:
    picture = read(_file(Image.fromarray(samples[..., :3]), "JPEG", quality=quality))
    assert picture.jpeg_quality is not None
    assert abs(picture.jpeg_quality - quality) <= 1


def test_no_table_means_no_quality() -> None:
    assert estimate_quality({}) is None


def test_heic_is_read() -> None:
    gradient = np.linspace(0, 255, 64, dtype=np.uint8)[None, :, None].repeat(48, axis=0).repeat(3, axis=2)
    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(gradient)).save(stream, quality=95)
    picture = read(stream.getvalue())
    assert picture.format == "HEIF"
    assert np.abs(picture.to_array().astype(int) - gradient).mean() < 2


def test_first_frame_of_an_animation_is_read() -> None:
    frames = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (255, 0)]
    data = _file(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert probe(data).frames == 2
    assert read(data).pixels[0, 0].tolist() == [1, 0, 0]


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 1), (5, 6, 2), (5, 6, 3), (5, 6, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64, np.bool_])
def test_array_of_every_shape_and_type_is_read(shape: tuple[int, ...], dtype: type, rng: np.random.Generator) -> None:
    values = rng.random(shape)
    integer = np.issubdtype(dtype, np.integer)
    array = (values * np.iinfo(dtype).max).astype(dtype) if integer else (values > 0.5 if dtype is np.bool_ else values)
    picture = read(array.astype(dtype))
    channels = 1 if len(shape) == 2 else shape[2]
    assert picture.is_gray is (channels < 3)
    assert (picture.alpha is not None) is (channels in (2, 4))
    expected = array.astype(np.float64) / (np.iinfo(dtype).max if integer else 1)
    first = expected if expected.ndim == 2 else expected[..., 0]
    np.testing.assert_allclose(picture.pixels[..., 0], first, atol=1e-6)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 4, 5), np.uint8), "shape"),
        (np.zeros(4, np.uint8), "shape"),
        (np.zeros((4, 4), np.int32), "int32"),
        (np.full((4, 4), 200.0), r"\[0, 1\]"),
        (np.full((4, 4), np.nan), "not numbers"),
    ],
)
def test_unfit_array_is_refused(array: np.ndarray, words: str) -> None:
    with pytest.raises(UnsupportedImage, match=words):
        read(array)


def test_picture_comes_back_as_it_is() -> None:
    picture = Picture(pixels=np.zeros((2, 2, 3), np.float32))
    assert read(picture) is picture


def _header_only_png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


@pytest.mark.parametrize("size", [(20_000, 20_000), (5001, 5000), (16_385, 1)])
def test_too_large_picture_is_refused_from_its_header(size: tuple[int, int]) -> None:
    data = _header_only_png(*size) + b"\0\0\0\0IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    with pytest.raises(ImageTooLarge):
        read(data)


def test_limit_stands_in_the_message() -> None:
    with pytest.raises(ImageTooLarge, match=r"at most 0\.0001 megapixels but this one has 20x10 px") as caught:
        read(np.zeros((10, 20), np.uint8), max_pixels=100)
    assert caught.value.limit == 100


def _noisy_file(file_format: str) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return _file(Image.fromarray(noise), file_format)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("share", [0.02, 0.5])
def test_cut_off_file_is_refused(file_format: str, share: float) -> None:
    data = _noisy_file(file_format)
    with pytest.raises(InvalidImage):
        read(data[: int(len(data) * share)])


def test_damaged_pixels_are_refused() -> None:
    data = bytearray(_noisy_file("PNG"))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(CorruptImage, match="damaged"):
        read(bytes(data))


def test_empty_file_is_refused() -> None:
    with pytest.raises(CorruptImage, match="empty"):
        read(b"")


@pytest.mark.parametrize(
    "content", [b"<html></html>", b"%PDF-1.7", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"PK\x03\x04", bytes(4096)]
)
def test_other_files_are_refused_with_the_formats_that_are_read(content: bytes) -> None:
    with pytest.raises(UnsupportedImage, match="PNG, JPEG"):
        read(content)


@pytest.mark.parametrize("name", ["none.png", "", "a\0b.png"])
def test_missing_file_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidImage):
        read(tmp_path / name)


def test_wrong_type_is_refused() -> None:
    with pytest.raises(UnsupportedImage, match="int"):
        read(42)  # type: ignore[arg-type]


def _tiff(samples: np.ndarray, **settings: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples, metadata=None, **settings)
    return stream.getvalue()


def test_separate_colour_planes_of_a_deep_tiff_come_in_right(rng: np.random.Generator) -> None:
    samples = rng.integers(0, 65536, (3, 20, 30), dtype=np.uint16)
    picture = read(_tiff(samples, photometric="rgb", planarconfig="separate"))
    np.testing.assert_array_equal(picture.to_array(), np.moveaxis(samples, 0, 2))


def test_deep_tiff_with_white_at_zero_is_not_a_negative(rng: np.random.Generator) -> None:
    samples = rng.integers(0, 65536, (20, 30), dtype=np.uint16)
    picture = read(_tiff(samples, photometric="miniswhite"))
    np.testing.assert_array_equal(picture.to_array(), 65535 - samples)


def test_sixteen_bit_gray_with_alpha_is_read_from_a_tiff(rng: np.random.Generator) -> None:
    samples = rng.integers(0, 65536, (20, 30, 2), dtype=np.uint16)
    content = _tiff(samples, photometric="minisblack", extrasamples=("unassalpha",), planarconfig="contig")
    np.testing.assert_array_equal(read(content).to_array(), samples)


def test_deep_cmyk_is_refused_with_the_way_out(rng: np.random.Generator) -> None:
    samples = rng.integers(0, 65536, (20, 30, 4), dtype=np.uint16)
    with pytest.raises(UnsupportedImage, match="save it as RGB"):
        read(_tiff(samples, photometric="separated", planarconfig="contig"))


def test_heic_with_more_than_8_bits_keeps_them() -> None:
    ramp = np.linspace(0, 65535, 64 * 48, dtype=np.uint16).reshape(48, 64)
    stream = io.BytesIO()
    pillow_heif.from_bytes(mode="RGB;16", size=(64, 48), data=np.repeat(ramp[..., None], 3, axis=2).tobytes()).save(
        stream, quality=-1, chroma=444
    )
    picture = read(stream.getvalue())
    assert picture.bit_depth == 16
    assert len(np.unique(picture.to_array())) > 256
    np.testing.assert_allclose(picture.pixels[..., 1], ramp / 65535, atol=0.01)


def test_resolution_and_number_of_frames_are_known() -> None:
    stream = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(stream, "TIFF", save_all=True, append_images=frames[1:], dpi=(300, 150))
    picture = read(stream.getvalue())
    assert picture.dpi == (300, 150)
    assert picture.frames == 2


def test_sizes_in_exif_are_not_kept_as_the_result_may_have_others() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA002] = 8
    exif[0x010F] = "Maker"
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG", exif=exif)
    kept = Image.Exif()
    kept.load(read(stream.getvalue()).exif)
    assert 0xA002 not in kept.get_ifd(0x8769)
    assert kept[0x010F] == "Maker"


def _png(samples: np.ndarray, **chunks: bytes) -> bytes:
    """Return a PNG file of uint8 or uint16 samples, (H, W, C), with these chunks before its pixels."""
    height, width, channels = samples.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 8 * samples.itemsize, colour_type, 0, 0, 0)
    rows = samples.astype(f">u{samples.itemsize}").view(np.uint8).reshape(height, -1)
    content = zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes())
    parts = [(b"IHDR", header), *((name.encode(), value) for name, value in chunks.items()), (b"IDAT", content)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(value)) + name + value + struct.pack(">I", zlib.crc32(name + value))
        for name, value in [*parts, (b"IEND", b"")]
    )


def _gamma(value: float) -> bytes:
    return struct.pack(">I", round(100_000 * value))


def _srgb_light(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("gamma", [1.0, 1 / 1.8, 1 / 2.6])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gamma_of_a_png_is_applied_to_its_colours(
    gamma: float, channels: int, dtype: type, rng: np.random.Generator
) -> None:
    largest = np.iinfo(dtype).max
    samples = rng.integers(0, largest, (12, 17, channels), dtype=dtype, endpoint=True)
    picture = read(_png(samples, gAMA=_gamma(gamma)))
    light = (samples[..., : 1 if channels < 3 else 3] / largest) ** (1 / gamma)
    np.testing.assert_allclose(_srgb_light(picture.pixels), np.broadcast_to(light, picture.pixels.shape), atol=1e-4)
    assert picture.bit_depth == 8 * samples.itemsize
    if channels in (2, 4):
        np.testing.assert_allclose(picture.alpha, samples[..., -1] / largest, atol=1e-6)


def test_linear_sixteen_bit_png_looks_as_its_srgb_version() -> None:
    shown = np.linspace(0, 1, 1000)[None, :, None]
    linear = np.rint(_srgb_light(shown) * 65535).astype(np.uint16)
    picture = read(_png(linear, gAMA=_gamma(1)))
    np.testing.assert_allclose(picture.pixels[..., :1], shown, atol=1e-4)
    np.testing.assert_array_equal(read(encode(picture, "PNG")).to_array(), picture.to_array())


@pytest.mark.parametrize(
    "chunks",
    [
        {"gAMA": _gamma(0.45455)},
        {"gAMA": _gamma(0.45)},
        {"gAMA": _gamma(0)},
        {"gAMA": _gamma(40_000)},
        {"gAMA": _gamma(1), "sRGB": b"\0"},
        {"gAMA": _gamma(1), "iCCP": b"sRGB\0\0" + zlib.compress(PROFILE)},
    ],
)
def test_gamma_that_is_usual_senseless_or_overruled_changes_nothing(chunks: dict[str, bytes], deep: np.ndarray) -> None:
    np.testing.assert_array_equal(read(_png(deep, **chunks)).to_array(), deep)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_transparent_level_of_a_png_becomes_alpha(dtype: type, channels: int, rng: np.random.Generator) -> None:
    samples = rng.integers(0, np.iinfo(dtype).max, (12, 17, channels), dtype=dtype)
    clear = samples[3, 5]
    data = _png(samples, tRNS=clear.astype(">u2").tobytes())
    picture = read(data)
    np.testing.assert_array_equal(picture.alpha, ~(samples == clear).all(axis=2))
    np.testing.assert_array_equal(picture.pixels, read(samples).pixels)
    assert probe(data).has_alpha
    assert picture.bit_depth == 8 * samples.itemsize
    if channels == 1:
        with Image.open(io.BytesIO(data)) as image:
            np.testing.assert_array_equal(read(image).alpha, picture.alpha)
