"""The noise of cameras: mosaics, development, grain, and what is told of them."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from restoration.degradations.camera import Camera, add_sensor_noise, draw_camera
from restoration.degradations.codecs import compress_on_any_grid, compress_web
from restoration.degradations.demosaic import Demosaicing, demosaic, mosaic
from restoration.degradations.grain import add_colour_blotches, add_grain
from restoration.degradations.real_noise import add_photo, add_real_noise, leave_clean, levels_of

KINDS: tuple[Demosaicing, ...] = ("bilinear", "malvar", "edge-aware")
PLAIN = Camera(from_srgb=np.eye(3), gains=(1.0, 1.0))


def _gray(side: int = 128, value: float = 0.5) -> np.ndarray:
    return np.full((side, side, 3), value, np.float32)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


@pytest.mark.parametrize("kind", KINDS)
def test_mosaic_of_one_colour_is_filled_with_it(kind: Demosaicing) -> None:
    image = np.broadcast_to(np.array([0.2, 0.5, 0.8], np.float32), (16, 20, 3))
    np.testing.assert_allclose(demosaic(mosaic(image), kind=kind), image, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_mosaic_keeps_what_the_sensor_saw(kind: Demosaicing, rng: np.random.Generator) -> None:
    image = rng.random((24, 24, 3), dtype=np.float32)
    again = mosaic(demosaic(mosaic(image), kind=kind))
    np.testing.assert_allclose(again[2:-2, 2:-2], mosaic(image)[2:-2, 2:-2], atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_gray_ramp_comes_back(kind: Demosaicing) -> None:
    ramp = np.repeat(np.tile(np.linspace(0, 1, 32, dtype=np.float32), (32, 1))[..., None], 3, axis=2)
    np.testing.assert_allclose(demosaic(mosaic(ramp), kind=kind)[4:-4, 4:-4], ramp[4:-4, 4:-4], atol=1e-3)


def test_bilinear_filling_leaves_the_variance_of_the_mean_of_its_neighbours(rng: np.random.Generator) -> None:
    filled = demosaic(rng.standard_normal((256, 256), dtype=np.float32), kind="bilinear")
    assert filled[::2, 1::2, 1].var() == pytest.approx(1, rel=0.05)
    assert filled[::2, ::2, 1].var() == pytest.approx(1 / 4, rel=0.05)
    assert filled[::2, 1::2, 0].var() == pytest.approx(1 / 2, rel=0.05)
    assert filled[1::2, 1::2, 0].var() == pytest.approx(1 / 4, rel=0.05)


def test_without_noise_the_picture_stays_exactly(rng: np.random.Generator) -> None:
    image = rng.random((33, 20, 3), dtype=np.float32)
    assert np.array_equal(add_sensor_noise(image, rng=rng, sigma=0), image)
    assert np.array_equal(add_grain(image, rng=rng, sigma=0, radius_px=1), image)
    assert np.array_equal(add_colour_blotches(image, rng=rng, sigma=0, radius_px=4), image)


@pytest.mark.parametrize("sigma_255", [1.0, 5.0, 15.0])
def test_sensor_noise_has_the_level_asked_for(sigma_255: float, rng: np.random.Generator) -> None:
    for _ in range(5):
        noise = add_sensor_noise(_gray(), rng=rng, sigma=sigma_255 / 255) - _gray()
        assert 255 * _rms(noise) == pytest.approx(sigma_255, rel=0.02)


def test_sensor_noise_leaves_the_mean_of_middle_gray(rng: np.random.Generator) -> None:
    noise = add_sensor_noise(_gray(256), rng=rng, sigma=4 / 255, camera=PLAIN) - _gray(256)
    assert abs(255 * noise.mean()) < 0.3


def test_same_seed_gives_the_same_noise() -> None:
    first, second = (add_photo(_gray(), rng=np.random.default_rng(4), sigma=0.03) for _ in range(2))
    assert np.array_equal(first, second)


def test_camera_without_colour_noise_leaves_gray_gray(rng: np.random.Generator) -> None:
    noisy = add_sensor_noise(_gray(), rng=rng, sigma=0.03, camera=dataclasses.replace(PLAIN, colour=0.0))
    assert np.ptp(noisy, axis=2).max() < 1e-5


def test_blown_highlights_show_no_noise(rng: np.random.Generator) -> None:
    image = _gray()
    image[:64] = 1
    noise = add_sensor_noise(image, rng=rng, sigma=0.03, camera=dataclasses.replace(PLAIN, is_blown=True)) - image
    assert _rms(noise[:60]) == 0
    assert _rms(noise[68:]) > 0.03


def test_calm_places_lose_the_share_of_noise_that_is_taken_out(rng: np.random.Generator) -> None:
    image = _gray(256)
    image[:128] += 0.2 * rng.standard_normal((128, 256, 1), dtype=np.float32)
    camera = dataclasses.replace(PLAIN, pedestal=10.0)
    ratios = []
    for share in (0.0, 0.8):
        seen = np.clip(image, 0, 1)
        noise = add_sensor_noise(
            seen, rng=np.random.default_rng(1), sigma=0.02, camera=dataclasses.replace(camera, calm_share=share)
        )
        noise -= seen
        ratios.append(_rms(noise[144:]) / _rms(noise[:112]))
    assert ratios[1] / ratios[0] == pytest.approx(0.2, rel=0.15)


def test_cameras_drawn_keep_gray_gray(rng: np.random.Generator) -> None:
    for _ in range(20):
        np.testing.assert_allclose(draw_camera(rng=rng).from_srgb.sum(axis=1), 1)


@pytest.mark.parametrize("radius_px", [1.0, 1.8, 2.5])
def test_grain_is_as_wide_and_strong_as_asked(radius_px: float, rng: np.random.Generator) -> None:
    grain = add_grain(_gray(512), rng=rng, sigma=0.05, radius_px=radius_px)[..., 0] - 0.5
    assert _rms(grain) == pytest.approx(0.05, rel=1e-3)
    neighbours = float(np.mean(grain[:, 1:] * grain[:, :-1])) / 0.05**2
    assert neighbours == pytest.approx(math.exp(-1 / (4 * radius_px**2)), abs=0.03)


def test_grain_has_colour_by_its_share(rng: np.random.Generator) -> None:
    for share in (0.0, 0.5, 1.0):
        grain = add_grain(_gray(256), rng=rng, sigma=0.05, radius_px=0, colour_share=share) - 0.5
        assert np.corrcoef(grain.reshape(-1, 3).T)[0, 1] == pytest.approx(1 - share, abs=0.02)


def test_blotches_of_colour_leave_brightness(rng: np.random.Generator) -> None:
    blotchy = add_colour_blotches(_gray(), rng=rng, sigma=0.05, radius_px=4)
    assert _rms(blotchy - _gray()) == pytest.approx(0.05, rel=1e-3)
    np.testing.assert_allclose(blotchy @ np.array([0.299, 0.587, 0.114]), 0.5, atol=1e-5)


def test_white_noise_has_both_levels_equal_and_an_offset_twice(rng: np.random.Generator) -> None:
    fine, coarse = levels_of(0.1 * rng.standard_normal((256, 255, 3)).astype(np.float32))
    assert fine == pytest.approx(0.1, rel=0.02)
    assert coarse == pytest.approx(0.1, rel=0.02)
    assert levels_of(np.full((8, 8, 3), 0.25, np.float32)) == pytest.approx((0.25, 0.5))


def test_real_noise_is_told_about_as_strong_as_it_is(rng: np.random.Generator) -> None:
    image = np.clip(rng.normal(0.5, 0.02, (96, 96, 3)), 0, 1).astype(np.float32)
    logarithms = []
    for _ in range(60):
        noisy, (fine, coarse) = add_real_noise(image, rng=rng, sigma_255=(5, 20))
        assert noisy.shape == image.shape
        assert noisy.dtype == np.float32
        true = levels_of(noisy - image)
        logarithms.append([math.log(fine / true[0]), math.log(coarse / true[1])])
    assert np.abs(np.mean(logarithms, axis=0)).max() < 0.12


def test_what_is_left_clean_is_at_most_compressed_and_told_faint(rng: np.random.Generator) -> None:
    image = np.clip(rng.normal(0.5, 0.1, (48, 48, 3)), 0, 1).astype(np.float32)
    same = 0
    for _ in range(30):
        picture, levels = leave_clean(image, rng=rng)
        same += np.array_equal(picture, image)
        assert max(levels) <= 2 / 255
    assert 5 < same < 25


@pytest.mark.parametrize("size", [(1, 1), (7, 30), (33, 16)])
def test_compression_on_any_grid_keeps_size_and_colours(size: tuple[int, int], rng: np.random.Generator) -> None:
    image = np.full((*size, 3), 0.4, np.float32)
    back = compress_on_any_grid(image, rng=rng, quality=95, full_colour=False)
    assert back.shape == image.shape
    np.testing.assert_allclose(back, image, atol=2 / 255)


@pytest.mark.parametrize("kind", ["webp", "avif"])
def test_files_of_the_web_lose_more_at_lower_quality(kind: str, rng: np.random.Generator) -> None:
    image = np.clip(rng.normal(0.5, 0.1, (64, 64, 3)), 0, 1).astype(np.float32)
    losses = [_rms(compress_web(image, kind=kind, quality=quality) - image) for quality in (90, 30)]  # type: ignore[arg-type]
    assert 0 < losses[0] < losses[1]
