"""Flat frames, mats, bars and pages change nothing that is measured or made of the photo inside."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from skimage import data

from restoration import restore
from restoration.diagnosis import find_photo, noise_level, visible_part, wanted_brightness
from restoration.images import read
from restoration.metrics import psnr

Samples = npt.NDArray[np.uint8]
Frame = Callable[[Samples], Samples]


def _around(sides: tuple[int, int, int, int], colour: int | tuple[int, int, int]) -> Frame:
    """Return what puts `sides` (top, bottom, left, right) of one colour round a photo."""
    top, bottom, left, right = sides

    def put(photo: Samples) -> Samples:
        height, width = photo.shape[:2]
        framed = np.empty((top + height + bottom, left + width + right, 3), np.uint8)
        framed[:] = colour
        framed[top : top + height, left : left + width] = photo
        return framed

    return put


_FRAMES = {
    "black bars": (_around((24, 24, 0, 0), 0), (24, 0)),
    "video black": (_around((20, 20, 0, 0), 16), (20, 0)),
    "gray all round": (_around((30, 34, 21, 27), 128), (30, 21)),
    "paper below": (_around((0, 60, 0, 0), 250), (0, 0)),
    "white page": (_around((90, 70, 60, 110), 255), (90, 60)),
    "red mat": (_around((17, 17, 17, 17), (160, 30, 40)), (17, 17)),
    "left bar": (_around((0, 0, 40, 0), 90), (0, 40)),
    "frame and mat": (
        lambda photo: _around((16, 16, 16, 16), (60, 40, 20))(_around((24, 24, 24, 24), 240)(photo)),
        (40, 40),
    ),
}
_PHOTO: Samples = np.asarray(Image.fromarray(data.chelsea()).resize((176, 128)))


def _noisy(sigma_255: float, *, light: float = 1.0) -> Samples:
    noise = np.random.default_rng(1).normal(0, sigma_255, _PHOTO.shape)
    return np.clip(np.rint(light * _PHOTO + noise), 0, 255).astype(np.uint8)


def _jpeg(samples: Samples, quality: int) -> Samples:
    file = io.BytesIO()
    Image.fromarray(samples).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("name", _FRAMES)
def test_photo_is_found_in_its_frame(name: str) -> None:
    frame, (top, left) = _FRAMES[name]
    box = find_photo(read(frame(_noisy(10))).pixels)
    assert (box.top, box.left, box.height, box.width) == (top, left, *_PHOTO.shape[:2])


@pytest.mark.parametrize("quality", [None, 90, 60])
@pytest.mark.parametrize("name", _FRAMES)
def test_noise_is_that_of_the_photo(name: str, quality: int | None) -> None:
    photo = _noisy(20)
    alone, framed = photo, _FRAMES[name][0](photo)
    if quality is not None:
        alone, framed = _jpeg(alone, quality), _jpeg(framed, quality)
    levels = [noise_level(visible_part(read(each))) for each in (framed, alone)]
    tolerance = 0.3 if quality == 60 else 0.2  # strong compression leaves little noise, elsewhere with each grid
    assert levels[0] == pytest.approx(levels[1], rel=tolerance)


@pytest.mark.parametrize("name", ["black bars", "gray all round", "frame and mat", "red mat"])
def test_brightness_is_that_of_the_photo(name: str) -> None:
    photo = _noisy(3, light=0.12)
    seen = [visible_part(read(each)).pixels for each in (_FRAMES[name][0](photo), photo)]
    assert wanted_brightness(seen[0]) == pytest.approx(wanted_brightness(seen[1]), rel=0.15)


@pytest.mark.parametrize("name", ["video black", "white page", "frame and mat"])
@pytest.mark.parametrize("task", ["denoise", "low-light"])
def test_result_is_that_of_the_photo_and_the_frame_stays(task: str, name: str) -> None:
    frame, (top, left) = _FRAMES[name]
    photo = _noisy(20) if task == "denoise" else _noisy(3, light=0.15)
    model = {"denoise": "bilateral", "low-light": None}[task]
    framed = np.asarray(restore(frame(photo), task=task, model=model).image)
    alone = np.asarray(restore(photo, task=task, model=model).image)
    height, width = photo.shape[:2]
    inside = framed[top : top + height, left : left + width]
    assert psnr(inside / np.float32(255), alone / np.float32(255)) > 35
    untouched = frame(inside)
    np.testing.assert_array_equal(framed, untouched)


def test_frame_is_enlarged_without_a_model(rng: np.random.Generator) -> None:
    frame, (top, left) = _FRAMES["red mat"]
    result = np.asarray(restore(frame(_noisy(5)), task="super-resolution", model="bicubic", scale=1.5).image)
    assert result.shape == (243, 315, 3)
    assert (result[: round(1.5 * top)] == (160, 30, 40)).all()
    assert (result[:, : round(1.5 * left)] == (160, 30, 40)).all()


def test_sky_over_a_jagged_skyline_is_no_frame(rng: np.random.Generator) -> None:
    skyline = np.linspace(40, 120, 200)  # a slope: no row begins all at once
    is_land = np.arange(160)[:, None] > skyline
    pixels = np.where(is_land[..., None], rng.random((160, 200, 3)), 1).astype(np.float32)
    assert find_photo(pixels).top == 0


@pytest.mark.parametrize("shape", [(1, 1), (5, 40), (64, 64)])
def test_picture_of_one_colour_is_all_photo(shape: tuple[int, int]) -> None:
    box = find_photo(np.full((*shape, 3), 0.5, np.float32))
    assert (box.top, box.left, box.bottom, box.right) == (0, 0, *shape)
