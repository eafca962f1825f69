from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from restoration.errors import InvalidMask
from restoration.images import (
    Picture,
    bleed_alpha,
    feather,
    grow_mask,
    kept_by_layers,
    mask_from_layers,
    read_mask,
    shrink_to,
)


def test_white_marks_what_is_filled() -> None:
    gray = np.zeros((4, 6), np.uint8)
    gray[1:3, 2:4] = 255
    np.testing.assert_array_equal(read_mask(gray, size=(6, 4)), gray > 0)


def test_opacity_marks_where_there_is_no_white() -> None:
    sketch = np.zeros((4, 6, 4), np.uint8)
    sketch[1:3, 2:4, 3] = 255
    np.testing.assert_array_equal(read_mask(sketch, size=(6, 4)), sketch[..., 3] > 0)


@pytest.mark.parametrize(("value", "words"), [(0, "empty"), (255, "whole picture")])
def test_empty_and_full_masks_are_refused(value: int, words: str) -> None:
    with pytest.raises(InvalidMask, match=words):
        read_mask(np.full((4, 6), value, np.uint8), size=(6, 4))


def test_mask_of_another_size_is_refused() -> None:
    with pytest.raises(InvalidMask, match=r"Mask is 6x4 px but the image is 60x40 px"):
        read_mask(np.full((4, 6), 255, np.uint8), size=(60, 40))


def test_layers_are_joined_and_scaled_to_the_picture() -> None:
    first, second = (np.zeros((4, 6, 4), np.uint8) for _ in range(2))
    first[0, 0] = (255, 0, 0, 200)
    second[3, 5] = (0, 0, 0, 255)
    mask = mask_from_layers([first, None, Image.fromarray(second)], size=(12, 8))
    expected = np.zeros((8, 12), bool)
    expected[:2, :2] = expected[-2:, -2:] = True
    np.testing.assert_array_equal(mask, expected)


def test_no_layers_give_an_empty_mask() -> None:
    assert not mask_from_layers([None], size=(5, 4)).any()


@pytest.mark.parametrize("px", [0, 1, 5])
def test_grown_mask_reaches_exactly_that_far(px: int) -> None:
    mask = np.zeros((21, 21), bool)
    mask[10, 10] = True
    grown = grow_mask(mask, px=px)
    rows, columns = np.nonzero(grown)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10 - px, 10 + px, 10 - px, 10 + px)
    assert grown[10, 10]


def test_hidden_colours_come_from_their_visible_neighbours(rng: np.random.Generator) -> None:
    alpha = np.zeros((40, 50), np.float32)
    alpha[10:20, 10:20] = 1
    pixels = np.where(alpha[..., None] > 0, np.float32([0.8, 0.2, 0.1]), np.float32(0)).astype(np.float32)
    spread = bleed_alpha(Picture(pixels=pixels, alpha=alpha))
    np.testing.assert_allclose(spread, np.broadcast_to(np.float32([0.8, 0.2, 0.1]), spread.shape), atol=1e-4)


def test_visible_colours_are_untouched(rng: np.random.Generator) -> None:
    picture = Picture(pixels=rng.random((30, 33, 3), dtype=np.float32), alpha=rng.random((30, 33), dtype=np.float32))
    visible = picture.alpha > 1e-3
    np.testing.assert_array_equal(bleed_alpha(picture)[visible], picture.pixels[visible])


@pytest.mark.parametrize("opacity", [0.0, 1.0])
def test_uniform_alpha_changes_nothing(opacity: float, rng: np.random.Generator) -> None:
    pixels = rng.random((8, 9, 3), dtype=np.float32)
    picture = Picture(pixels=pixels, alpha=np.full((8, 9), opacity, np.float32))
    assert bleed_alpha(picture) is pixels


def test_shrunk_picture_keeps_its_mean_and_stays_below_the_limit(rng: np.random.Generator) -> None:
    picture = Picture(pixels=rng.random((90, 130, 3), dtype=np.float32))
    small = shrink_to(picture, max_pixels=1000)
    assert small.width * small.height <= 1000
    assert small.width / small.height == pytest.approx(130 / 90, rel=0.05)
    assert small.pixels.mean() == pytest.approx(picture.pixels.mean(), abs=0.01)


def test_small_enough_picture_is_not_touched(rng: np.random.Generator) -> None:
    picture = Picture(pixels=rng.random((9, 13, 3), dtype=np.float32))
    assert shrink_to(picture, max_pixels=117) is picture


def test_transparent_black_does_not_darken_a_shrunk_edge() -> None:
    pixels = np.zeros((8, 8, 3), np.float32)
    alpha = np.zeros((8, 8), np.float32)
    pixels[:, :3], alpha[:, :3] = 1, 1
    small = shrink_to(Picture(pixels=pixels, alpha=alpha), max_pixels=16)
    assert small.alpha is not None
    np.testing.assert_allclose(small.pixels[small.alpha > 0], 1, atol=1e-3)


def test_green_strokes_are_kept_and_red_ones_are_not() -> None:
    layer = np.zeros((10, 12, 4), np.uint8)
    layer[2:4, :] = (225, 29, 72, 255)
    layer[6:8, :] = (22, 163, 74, 255)
    kept = kept_by_layers([layer, None], size=(12, 10))
    assert np.flatnonzero(kept.any(axis=1)).tolist() == [6, 7]
    assert layer[6, 0, 3] == 255


def test_feather_rises_from_the_rim_inwards_and_is_0_outside() -> None:
    mask = np.zeros((21, 21), np.bool_)
    mask[3:18, 3:18] = True
    shares = feather(mask, px=4)
    np.testing.assert_allclose(shares[10, 2:9], [0, 0.2, 0.4, 0.6, 0.8, 1, 1], atol=0.01)
    assert not shares[~mask].any()
    np.testing.assert_array_equal(feather(mask, px=0), mask.astype(np.float32))
