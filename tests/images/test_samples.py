from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image

from restoration.degradations.jpeg import compress_jpeg
from restoration.diagnosis import jpeg_quality, noise_level
from restoration.images import (
    Decoded,
    Picture,
    decode,
    encode,
    read,
    read_to_measure,
    read_to_show,
    samples,
    shrink_to_side,
)
from restoration.images.samples import Samples, to_measured_part, to_picture


def _samples(channels: int, dtype: type, *, height: int = 203, width: int = 301) -> np.ndarray:
    rng = np.random.default_rng(5)
    return rng.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype=dtype, endpoint=True)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("max_side_px", [50, 300, 5000])
def test_picture_read_to_show_is_the_whole_one_shrunk(
    channels: int, dtype: type, max_side_px: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (decode, samples):
        monkeypatch.setattr(module, "_STRIP_PIXELS", 10_000)
    data = encode(read(_samples(channels, dtype)), "PNG")
    shown, expected = read_to_show(data, max_side_px=max_side_px), shrink_to_side(read(data), max_side_px=max_side_px)
    assert (shown.alpha is None) == (expected.alpha is None)
    if shown.alpha is not None and expected.alpha is not None:
        np.testing.assert_allclose(shown.alpha, expected.alpha, atol=1e-5)
    for background in (np.zeros_like(expected.pixels), np.ones_like(expected.pixels)):
        on_it, expected_on_it = (
            each.pixels if each.alpha is None else background + (each.pixels - background) * each.alpha[..., None]
            for each in (shown, expected)
        )
        np.testing.assert_allclose(on_it, expected_on_it, atol=1e-4)
    assert (shown.bit_depth, shown.is_gray) == (expected.bit_depth, expected.is_gray)


def test_colours_multiplied_by_alpha_are_divided_before_they_are_shrunk() -> None:
    values = _samples(4, np.uint16)
    values[..., :3] = values[..., :3].astype(np.uint32) * values[..., 3:] // 65535
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, photometric="rgb", extrasamples=["assocalpha"], metadata=None)
    shown = read_to_show(stream.getvalue(), max_side_px=50)
    expected = shrink_to_side(read(stream.getvalue()), max_side_px=50)
    np.testing.assert_allclose(shown.pixels, expected.pixels, atol=1e-4)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_jpeg_is_shown_upright_and_at_its_size(orientation: int) -> None:
    rows, columns = np.mgrid[0:601, 0:803] / 803
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stream = io.BytesIO()
    smooth = np.stack([rows, columns, 1 - columns], axis=2)
    Image.fromarray((255 * smooth).astype(np.uint8)).save(stream, "JPEG", quality=90, subsampling=0, exif=exif)
    shown, whole = read_to_show(stream.getvalue(), max_side_px=100), read(stream.getvalue())
    expected = shrink_to_side(whole, max_side_px=100)
    assert (shown.size_text, shown.jpeg_quality) == (expected.size_text, whole.jpeg_quality)
    np.testing.assert_allclose(shown.pixels, expected.pixels, atol=0.02)


def test_thin_strip_can_be_shown() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (4000, 1)).save(stream, "JPEG")
    assert read_to_show(stream.getvalue(), max_side_px=100).size_text == "100x1 px"


def test_showing_a_picture_never_makes_floats_of_all_of_it() -> None:
    data = encode(Picture(np.zeros((3000, 3000, 3), np.float32), alpha=np.ones((3000, 3000), np.float32)), "PNG")
    tracemalloc.start()
    read_to_show(data, max_side_px=300)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 3000 * 3000 * 4 * 4


@pytest.mark.parametrize("size", [(3000, 64), (3001, 67)])
def test_measured_part_is_small_and_its_blocks_lie_on_the_grid(size: tuple[int, int]) -> None:
    height, width = size
    rows = np.repeat(np.arange(height, dtype=np.uint16)[:, None], width, axis=1)
    part = to_measured_part(Samples(rows), most_pixels=1000 * width)
    taken = np.rint(part.pixels[:, 0, 0] * 65535).astype(int)
    assert part.height <= 1000
    np.testing.assert_array_equal(taken % 8, np.arange(part.height) % 8)
    assert len(set(taken)) == part.height
    assert taken[0] == 0
    assert taken[-1] > height - 8 - 1


def test_picture_that_is_small_enough_is_measured_whole() -> None:
    whole = Samples(_samples(4, np.uint8))
    np.testing.assert_array_equal(to_measured_part(whole, most_pixels=203 * 301).pixels, to_picture(whole).pixels)
    data = encode(to_picture(whole), "PNG")
    np.testing.assert_array_equal(read_to_measure(data).pixels, read(data).pixels)


def test_measured_part_tells_the_damage_of_the_whole(rng: np.random.Generator) -> None:
    from skimage import data

    tall = np.tile(data.chelsea().astype(np.float32) / 255, (6, 1, 1))
    noisy = np.clip(tall + np.float32(20 / 255) * rng.standard_normal(tall.shape, dtype=np.float32), 0, 1)
    most = tall.shape[0] // 2 * tall.shape[1]
    part = to_measured_part(Samples(noisy), most_pixels=most)
    assert part.height < tall.shape[0]
    assert noise_level(part) == pytest.approx(noise_level(Picture(noisy)), rel=0.1)
    blocky = np.rint(compress_jpeg(tall, quality=30) * 255).astype(np.uint8)
    assert jpeg_quality(to_measured_part(Samples(blocky), most_pixels=most)) == 30


def test_only_large_pictures_wait_for_their_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []

    @contextmanager
    def turn() -> Iterator[None]:
        steps.append("begin")
        yield
        steps.append("end")

    whole = Decoded.of_file
    monkeypatch.setattr(Decoded, "of_file", lambda *given: (steps.append("decoded"), whole(*given))[1])
    for size, expected in (((4000, 2001), ["begin", "decoded", "end"]), ((4000, 2000), ["decoded"])):
        monkeypatch.setattr(decode, "_large_decodes", turn())
        Image.new("L", size).save(tmp_path / "picture.png")
        steps.clear()
        read_to_show(tmp_path / "picture.png", max_side_px=10)
        assert steps == expected


def test_turns_come_back_after_damaged_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "_LARGE_PIXELS", 0)
    stream = io.BytesIO()
    Image.fromarray(_samples(3, np.uint8)).save(stream, "PNG")
    for _ in range(3):
        with pytest.raises(ValueError, match="damaged"):
            read(stream.getvalue()[:-2000])
    assert read(stream.getvalue()).height == 203
