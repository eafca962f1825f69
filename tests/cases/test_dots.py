"""Dots of any value are found and removed; text, stars and textures are not eaten; "none" is said."""

from __future__ import annotations

import io

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from restoration import restore
from restoration.diagnosis.dots import find_dots, measure_dots
from restoration.metrics import psnr
from restoration.service.undamaged import NO_DOTS

Samples = npt.NDArray[np.uint8]
_PHOTO: Samples = np.asarray(Image.fromarray(data.coffee()).resize((160, 112), Image.Resampling.LANCZOS))


def _salted(photo: Samples, *, low: int = 0, high: int = 255, share: float = 0.06) -> Samples:
    where = np.random.default_rng(7).random(photo.shape[:2])
    dotted = photo.copy()
    dotted[where < share / 2] = low
    dotted[where > 1 - share / 2] = high
    return dotted


def _jpeg(samples: Samples, quality: int, subsampling: int = 0) -> Samples:
    file = io.BytesIO()
    Image.fromarray(samples).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(file))


def _half(samples: Samples) -> Samples:
    return np.asarray(Image.fromarray(samples).resize((128, 90), Image.Resampling.BICUBIC))


def _hot(photo: Samples) -> Samples:
    rng = np.random.default_rng(3)
    hot = photo.copy()
    for _ in range(200):
        row, column, channel = (int(rng.integers(0, side)) for side in photo.shape)
        hot[row, column, channel] = rng.integers(150, 250)
    return hot


def _coloured(photo: Samples) -> Samples:
    rng = np.random.default_rng(4)
    dotted, where = photo.copy(), rng.random(photo.shape[:2]) < 0.03
    dotted[where] = rng.integers(0, 256, (np.count_nonzero(where), 3))
    return dotted


_VIDEO = np.rint(0.8 * _PHOTO + 20).astype(np.uint8)
_DARK = np.rint(0.35 * _PHOTO).astype(np.uint8)
_DOTTED = {
    "jpeg 95": (_jpeg(_salted(_PHOTO), 95), _PHOTO),
    "jpeg 75": (_jpeg(_salted(_PHOTO), 75), _PHOTO),
    "jpeg 85, halved chroma": (_jpeg(_salted(_PHOTO), 85, 2), _PHOTO),
    "resized": (_half(_salted(_PHOTO)), _half(_PHOTO)),
    "video range": (_salted(_VIDEO, low=16, high=235), _VIDEO),
    "video range, many": (_salted(_VIDEO, low=16, high=235, share=0.25), _VIDEO),
    "gray dots": (_salted(_VIDEO, low=40, high=40, share=0.03), _VIDEO),
    "hot pixels": (_hot(_DARK), _DARK),
    "any colour": (_coloured(_PHOTO), _PHOTO),
}


@pytest.mark.parametrize("model", ["plug-and-play-dots", "adaptive-median"])
@pytest.mark.parametrize("name", _DOTTED)
def test_dots_are_removed_at_least_as_well_as_by_a_median(name: str, model: str) -> None:
    dotted, clean = _DOTTED[name]
    restored = np.asarray(restore(dotted, task="salt-and-pepper", model=model).image)
    median = np.stack([cv2.medianBlur(np.ascontiguousarray(dotted[..., c]), 3) for c in range(3)], axis=2)
    scores = [psnr(each / np.float32(255), clean / np.float32(255)) for each in (restored, median)]
    assert scores[0] >= scores[1]


def _text(*, is_sharp: bool) -> Samples:
    page = Image.new("L", (240, 60), 255)
    draw = ImageDraw.Draw(page)
    draw.fontmode = "1" if is_sharp else "L"
    for top, size in ((4, 11), (22, 14), (40, 16)):
        draw.text((4, top), "The quick brown fox: 0123.456 i.e.", font=ImageFont.load_default(size), fill=0)
    return np.asarray(page)


def _stars() -> Samples:
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[:120, :160]
    sky = 8 + rng.normal(0, 1.5, rows.shape)
    for _ in range(80):
        row, column = rng.random(2) * (120, 160)
        light = min(300.0, 30 + 20 * rng.pareto(1.2))
        sky += light * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * 0.8**2))
    return np.clip(np.rint(sky), 0, 255).astype(np.uint8)


_SOUND = {
    "text": _text(is_sharp=True),
    "text in gray": _text(is_sharp=False),
    "text as JPEG": _jpeg(_text(is_sharp=False), 75),
    "stars": _stars(),
    "grass": data.grass()[:160, :200],
    "gravel": data.gravel()[:160, :200],
    "photo": _PHOTO,
    "noise": np.clip(_PHOTO + np.random.default_rng(6).normal(0, 25, _PHOTO.shape), 0, 255).astype(np.uint8),
    "checks": np.tile(np.array([[0, 255], [255, 0]], np.uint8), (40, 40)),
}


@pytest.mark.parametrize("model", ["plug-and-play-dots", "adaptive-median"])
@pytest.mark.parametrize("name", _SOUND)
def test_what_has_no_dots_stays_and_the_user_is_told(name: str, model: str) -> None:
    result = restore(_SOUND[name], task="salt-and-pepper", model=model)
    np.testing.assert_array_equal(np.asarray(result.image), _SOUND[name])
    assert NO_DOTS in result.notes


def test_specks_go_from_text_and_letters_stay(rng: np.random.Generator) -> None:
    text = _text(is_sharp=True)
    is_speck = rng.random(text.shape) < 0.015
    restored = np.asarray(restore(np.where(is_speck, 255 - text, text), task="salt-and-pepper").image)
    assert (restored[text == 0] < 128).mean() > 0.95
    on_paper = is_speck & (cv2.erode(text, np.ones((7, 7), np.uint8)) == 255)
    assert (restored[on_paper] > 128).mean() > 0.7


def test_hot_pixel_costs_only_its_own_channel() -> None:
    pixels = (_hot(_DARK) / 255).astype(np.float32)
    found = find_dots(pixels, measure_dots(pixels))
    assert found.sum() <= 220
    assert found.all(axis=2).sum() == 0


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (9, 9)])
def test_tiny_pictures_have_no_dots(shape: tuple[int, int]) -> None:
    assert measure_dots(np.zeros((*shape, 3), np.float32)).kind == "none"
