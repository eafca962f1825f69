from __future__ import annotations

import cv2
import numpy as np
import pytest

from restoration.degradations.masks import draw_scratches
from restoration.diagnosis.scratches import find_scratches
from restoration.images import read


def _photo(rng: np.random.Generator) -> np.ndarray:
    coarse = rng.random((6, 8, 3), dtype=np.float32)
    smooth = cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC)
    return np.clip(0.25 + 0.5 * smooth + rng.normal(0, 0.01, smooth.shape), 0, 1).astype(np.float32)


@pytest.mark.parametrize("tone", [0.0, 1.0])
def test_scratches_on_a_smooth_picture_are_found(tone: float, rng: np.random.Generator) -> None:
    pixels = _photo(rng)
    scratches = draw_scratches(240, 320, rng=rng, count=4)
    pixels[scratches] = tone
    found = find_scratches(read((pixels * 255).astype(np.uint8)))
    near = cv2.dilate(scratches.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert found[scratches].mean() > 0.7
    assert near[found].mean() > 0.8


@pytest.mark.parametrize("pixels", [np.full((40, 50, 3), 90, np.uint8), np.zeros((1, 1, 3), np.uint8)])
def test_flat_pictures_have_none(pixels: np.ndarray) -> None:
    assert not find_scratches(read(pixels)).any()


def test_large_pictures_are_searched_smaller_and_answered_at_their_size(rng: np.random.Generator) -> None:
    pixels = np.full((900, 2000, 3), 0.5, np.float32)
    pixels[:, 1000:1006] = 1
    found = find_scratches(read((pixels * 255).astype(np.uint8)))
    assert found.shape == (900, 2000)
    assert found[100:800, 1002].all()


def test_higher_sensitivity_finds_more(rng: np.random.Generator) -> None:
    pixels = _photo(rng)
    for height in (0.03, 0.06, 0.12, 0.3):
        pixels[draw_scratches(240, 320, rng=rng, count=2)] += height
    picture = read((np.clip(pixels, 0, 1) * 255).astype(np.uint8))
    strict, usual, loose = (find_scratches(picture, sensitivity=value).sum() for value in (0.0, 0.5, 1.0))
    assert strict <= usual <= loose
    assert strict < loose
