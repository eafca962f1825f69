"""Filling wide holes with parts of the picture."""

from __future__ import annotations

import numpy as np
import pytest

from restoration.algorithms.harmonic_fill import fill_smoothly
from restoration.algorithms.patch_fill import fill_by_example
from restoration.algorithms.shift_map import blend_parts, frequent_shifts, known_patches, shift_parts

_PERIOD_PX = 16


@pytest.fixture
def wallpaper(rng: np.random.Generator) -> np.ndarray:
    """A picture that repeats itself every 16 px, both ways."""
    return np.tile(rng.random((_PERIOD_PX, _PERIOD_PX, 3), dtype=np.float32), (8, 8, 1))


@pytest.fixture
def hole() -> np.ndarray:
    mask = np.zeros((128, 128), np.bool_)
    mask[50:86, 44:80] = True
    return mask


def _damaged(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return fill_smoothly(np.where(mask[..., None], np.float32(0), picture), mask)


def test_shifts_of_a_wallpaper_are_its_periods(
    wallpaper: np.ndarray, hole: np.ndarray, rng: np.random.Generator
) -> None:
    shifts = frequent_shifts(_damaged(wallpaper, hole), hole, rng=rng)
    assert len(shifts)
    np.testing.assert_array_equal(shifts % _PERIOD_PX, 0)
    assert (np.abs(shifts).max(axis=1) > 0).all()


def test_wallpaper_comes_back(wallpaper: np.ndarray, hole: np.ndarray, rng: np.random.Generator) -> None:
    filled = fill_by_example(_damaged(wallpaper, hole), hole, rng=rng)
    np.testing.assert_array_equal(filled[~hole], wallpaper[~hole])
    np.testing.assert_allclose(filled, wallpaper, atol=0.01)


def test_parts_stay_where_a_hole_is_too_large_to_be_searched(
    wallpaper: np.ndarray, hole: np.ndarray, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restoration.algorithms.patch_fill._MOST_TARGETS", 0)
    filled = fill_by_example(_damaged(wallpaper, hole), hole, rng=rng)
    np.testing.assert_array_equal(filled[~hole], wallpaper[~hole])
    assert np.median(np.abs(filled - wallpaper)[hole]) < 0.01


def test_places_are_known_and_those_of_known_pixels_their_own(
    wallpaper: np.ndarray, hole: np.ndarray, rng: np.random.Generator
) -> None:
    parts = shift_parts(_damaged(wallpaper, hole), hole, rng=rng)
    assert parts is not None
    _, places = parts
    assert not hole[places[..., 0], places[..., 1]].any()
    np.testing.assert_array_equal(places[~hole], np.argwhere(~hole))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(320, 320), (321, 335)])
def test_hole_larger_than_is_worked_on_at_once_is_filled_from_half_the_size(
    size: tuple[int, int], rng: np.random.Generator
) -> None:
    rows, columns = np.mgrid[: size[0], : size[1]]
    picture = 0.5 + 0.4 * np.sin(2 * np.pi * (rows + 2 * columns) / 64)[..., None].repeat(3, axis=2)
    mask = np.zeros(size, np.bool_)
    mask[110:200, 120:220] = True
    filled = fill_by_example(picture.astype(np.float32), mask, rng=rng)
    error = np.abs(filled - picture)[mask].mean()
    assert error < 0.3 * np.abs(fill_smoothly(picture.astype(np.float32), mask) - picture)[mask].mean()


def test_tone_of_parts_is_matched_with_the_rim() -> None:
    rows, columns = np.mgrid[:40, :60].astype(np.float32)
    ramp = (0.2 + 0.002 * columns + 0.004 * rows)[..., None].repeat(3, axis=2)
    mask = np.zeros((40, 60), np.bool_)
    mask[12:28, 35:50] = True
    places = np.indices(mask.shape).transpose(1, 2, 0)
    places[mask] -= [0, 25]  # darker by 0.05, of equal slope
    moved = ramp[places[..., 0], places[..., 1]]
    np.testing.assert_allclose(blend_parts(ramp, moved, mask, places), ramp, atol=5e-3)


def test_dark_thing_does_not_bleed_into_parts_of_a_bright_one() -> None:
    picture = np.full((40, 80, 3), 0.9, np.float32)
    picture[:, 60:] = 0.1
    mask = np.zeros((40, 80), np.bool_)
    mask[8:32, 40:60] = True
    places = np.indices(mask.shape).transpose(1, 2, 0)
    places[mask] -= [0, 30]
    moved = picture[places[..., 0], places[..., 1]]
    np.testing.assert_allclose(blend_parts(picture, moved, mask, places)[mask], 0.9, atol=0.03)


@pytest.mark.parametrize("box", [np.s_[0:40, 0:40], np.s_[30:, 20:64], np.s_[:, 20:50]])
def test_holes_at_the_border_are_filled(box: tuple[slice, slice], rng: np.random.Generator) -> None:
    picture = rng.random((64, 96, 3), dtype=np.float32)
    mask = np.zeros((64, 96), np.bool_)
    mask[box] = True
    filled = fill_by_example(picture, mask, rng=rng)
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[~mask], picture[~mask])


def test_object_cut_by_the_border_is_filled_as_well_there(rng: np.random.Generator) -> None:
    rows, columns = np.mgrid[:120, :160]
    stripes = 0.5 + 0.4 * np.sin(2 * np.pi * (rows + columns) / 20)[..., None].repeat(3, axis=2).astype(np.float32)
    mask = np.zeros((120, 160), np.bool_)
    mask[:40, 60:100] = True
    errors = np.abs(fill_by_example(stripes, mask, rng=rng) - stripes)[:40, 60:100].mean(axis=(1, 2))
    assert errors.max() < 0.03


def test_nothing_is_moved_where_hardly_a_patch_is_known(rng: np.random.Generator) -> None:
    mask = np.ones((64, 64), np.bool_)
    mask[:8, :8] = False
    assert known_patches(mask).sum() == 4
    assert shift_parts(rng.random((64, 64, 3), dtype=np.float32), mask, rng=rng) is None


def test_long_hole_in_a_strip_is_left_to_patches(rng: np.random.Generator) -> None:
    picture, mask = rng.random((24, 2000, 3), dtype=np.float32), np.zeros((24, 2000), np.bool_)
    mask[2:22, 200:1800] = True
    assert shift_parts(picture, mask, rng=rng) is None
    assert np.isfinite(fill_by_example(picture, mask, rng=rng)).all()


def test_picture_of_one_colour_stays_of_one_colour(hole: np.ndarray, rng: np.random.Generator) -> None:
    filled = fill_by_example(np.full((128, 128, 3), 0.25, np.float32), hole, rng=rng)
    np.testing.assert_allclose(filled, 0.25, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("foretold", [0.2, 0.8])
def test_parts_come_near_to_what_is_foretold(foretold: float, rng: np.random.Generator) -> None:
    image = np.where(np.arange(120)[None, :, None] < 60, 0.2, 0.8) + 0.05 * rng.standard_normal((96, 120, 3))
    image = image.astype(np.float32)
    mask = np.zeros((96, 120), np.bool_)
    mask[30:66, 40:80] = True
    start = np.where(mask[..., None], np.float32(foretold), image)
    filled = fill_by_example(image, mask, rng=np.random.default_rng(0), start=start)
    plain = fill_by_example(image, mask, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(filled[~mask], image[~mask])
    assert abs(float(filled[mask].mean()) - foretold) < abs(float(plain[mask].mean()) - foretold) - 0.02
