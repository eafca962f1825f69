"""One upload is decoded once and diagnosed once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from restoration.errors import CorruptImage, ImageTooLarge, InvalidImage
from restoration.images import decode_file, read, shrink_to_side
from restoration.service import uploads as uploads_module
from restoration.service.uploads import Uploads


class Counted:
    """A function that counts its calls."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, *args: Any, **named: Any) -> Any:
        self.calls += 1
        return self.function(*args, **named)


@pytest.fixture
def decodes(monkeypatch: pytest.MonkeyPatch) -> Counted:
    counted = Counted(decode_file)
    monkeypatch.setattr(uploads_module, "decode_file", counted)
    return counted


@pytest.fixture
def photo(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A picture that lies on its side and says where it was taken."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "Camera"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(tmp_path / "photo.jpg", exif=exif)
    return tmp_path / "photo.jpg"


@pytest.mark.parametrize("keep_gps", [False, True])
def test_picture_is_as_read_gives_it_and_decoded_once(photo: Path, decodes: Counted, *, keep_gps: bool) -> None:
    kept = Uploads()
    kept.read(photo, keep_gps=not keep_gps)
    picture, expected = kept.read(photo, keep_gps=keep_gps), read(photo, keep_gps=keep_gps)
    np.testing.assert_array_equal(picture.pixels, expected.pixels)
    assert (picture.exif, picture.jpeg_quality, picture.format) == (expected.exif, expected.jpeg_quality, "JPEG")
    assert (b"\x88\x25" in (picture.exif or b"") or b"\x25\x88" in (picture.exif or b"")) == keep_gps
    shown = kept.small(photo, max_side_px=20)
    assert (shown.width, shown.height) == (13, 20)
    np.testing.assert_allclose(shown.pixels, shrink_to_side(expected, max_side_px=20).pixels, atol=1e-5)
    assert decodes.calls == 1


def test_each_caller_has_a_picture_of_its_own(photo: Path) -> None:
    kept = Uploads()
    kept.read(photo).pixels[:] = 0
    np.testing.assert_array_equal(kept.read(photo).pixels, read(photo).pixels)


def test_file_that_has_changed_is_another_one(photo: Path, decodes: Counted) -> None:
    kept = Uploads()
    kept.read(photo)
    Image.new("L", (5, 5), 9).save(photo)
    assert kept.read(photo).width == 5
    os.utime(photo, ns=(1, 1))
    kept.read(photo)
    assert decodes.calls == 3


def test_callers_at_once_wait_for_the_first(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Barrier(2)

    def slow(*args: Any, **named: Any) -> Any:
        gate.wait(20)
        return decode_file(*args, **named)

    counted = Counted(slow)
    monkeypatch.setattr(uploads_module, "decode_file", counted)
    kept = Uploads()
    with ThreadPoolExecutor(4) as pool:
        pictures = [pool.submit(kept.read, photo) for _ in range(4)]
        gate.wait(20)
        assert {picture.result(20).size_text for picture in pictures} == {"40x60 px"}
    assert counted.calls == 1


def test_memory_is_bounded_and_the_oldest_goes(tmp_path: Path, decodes: Counted) -> None:
    kept = Uploads(most_bytes=2 * 30 * 30 * 3)
    files = [tmp_path / f"{number}.png" for number in range(3)]
    for file in files:
        Image.new("RGB", (30, 30)).save(file)
        kept.read(file)
    kept.read(files[2])
    kept.read(files[1])
    assert decodes.calls == 3
    kept.read(files[0])
    assert decodes.calls == 4
    assert kept.size_bytes <= 2 * 30 * 30 * 3


def test_file_larger_than_all_memory_is_read_and_not_kept(photo: Path, decodes: Counted) -> None:
    kept = Uploads(most_bytes=10)
    for _ in range(2):
        assert kept.read(photo).width == 40
    assert decodes.calls == 2
    assert kept.size_bytes == 0


def test_what_was_not_used_for_its_time_is_forgotten(photo: Path, decodes: Counted) -> None:
    now_s = [0.0]
    kept = Uploads(keep_s=60, clock=lambda: now_s[0])
    kept.read(photo)
    now_s[0] = 59
    kept.read(photo)
    now_s[0] = 118
    kept.sweep()
    assert kept.size_bytes > 0
    now_s[0] = 119
    kept.sweep()
    assert kept.size_bytes == 0
    assert decodes.calls == 1


def test_bad_files_are_refused_as_by_read_and_again(tmp_path: Path, photo: Path) -> None:
    kept = Uploads()
    with pytest.raises(InvalidImage, match="cannot be read"):
        kept.read(tmp_path / "absent.png")
    with pytest.raises(ImageTooLarge, match="at most"):
        kept.read(photo, max_pixels=100)
    kept.read(photo)
    with pytest.raises(ImageTooLarge):
        kept.read(photo, max_pixels=100)
    photo.write_bytes(photo.read_bytes()[:400])
    for _ in range(2):
        with pytest.raises(CorruptImage):
            kept.read(str(photo))


def test_arrays_are_read_as_they_are(decodes: Counted) -> None:
    assert Uploads().read(np.zeros((4, 5), np.uint8)).width == 5
    assert decodes.calls == 0


def test_picture_is_measured_once_under_each_name(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, measure = Uploads(), Counted(lambda name: 7.0)
    assert [kept.tell(photo, "brightness", measure=measure) for _ in range(2)] == [7.0, 7.0]
    assert measure.calls == 1
    diagnose = Counted(uploads_module.diagnose)
    monkeypatch.setattr(uploads_module, "diagnose", diagnose)
    found = kept.diagnose(photo)
    assert kept.diagnose(str(photo)) == found
    assert diagnose.calls == 1
    assert kept.tell(photo, "noise_level", measure=measure) == found.noise_level
    assert kept.tell(photo, "jpeg_quality", measure=measure) == found.jpeg_quality
    assert measure.calls == 1
    assert kept.tell(np.zeros((4, 5), np.uint8), "noise_level", measure=measure) == 7.0
