"""What pictures tell of their damage, against damage that was put in."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from restoration.degradations.jpeg import compress_jpeg
from restoration.degradations.lowlight import darken
from restoration.degradations.noise import (
    add_gaussian_noise,
    add_poisson_noise,
    add_salt_and_pepper,
    add_speckle_noise,
    quantize_8bit,
)
from restoration.diagnosis import (
    diagnose,
    jpeg_quality,
    measure_dots,
    noise_level,
    shadow_noise_level,
    speckle,
    speckle_level,
    visible_part,
    wanted_brightness,
)
from restoration.diagnosis.compression import cropped_start
from restoration.diagnosis.noise import FEATURES, dark_half_noise, features
from restoration.images import Picture, gray_of
from restoration.types import Task


@pytest.fixture(scope="module")
def photo() -> Picture:
    """Scikit-image's cat, which was never compressed hard."""
    from skimage import data

    return Picture(data.chelsea().astype(np.float32) / 255)


def _changed(photo: Picture, pixels: np.ndarray) -> Picture:
    return replace(photo, pixels=pixels.astype(np.float32))


@pytest.mark.parametrize("sigma_255", [15, 25, 50])
def test_level_of_white_noise_is_its_sigma(photo: Picture, rng: np.random.Generator, sigma_255: float) -> None:
    noisy = _changed(photo, add_gaussian_noise(photo.pixels, rng=rng, sigma=sigma_255 / 255))
    assert noise_level(noisy) == pytest.approx(sigma_255, rel=0.2)


@pytest.mark.parametrize("sigma_255", [15, 30, 60])
def test_noise_in_proportion_to_the_signal_is_found(photo: Picture, rng: np.random.Generator, sigma_255: float) -> None:
    noisy = quantize_8bit(add_speckle_noise(photo.pixels, rng=rng, sigma=sigma_255 / 255))
    found = speckle_level(_changed(photo, noisy))
    assert found == pytest.approx(sigma_255, rel=0.25)


@pytest.mark.parametrize("noise", ["none", "white", "photons"])
def test_other_noise_is_not_taken_for_speckle(photo: Picture, rng: np.random.Generator, noise: str) -> None:
    pixels = {
        "none": photo.pixels,
        "white": add_gaussian_noise(photo.pixels, rng=rng, sigma=25 / 255),
        "photons": add_poisson_noise(photo.pixels, rng=rng, photons=100),
    }[noise]
    assert speckle_level(_changed(photo, pixels)) is None


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (24, 24)])
def test_speckle_of_a_picture_too_small_to_tell_is_unknown(size: tuple[int, int], rng: np.random.Generator) -> None:
    assert speckle_level(Picture(rng.random((*size, 3), dtype=np.float32))) is None


def test_noise_is_measured_a_second_time_only_where_speckle_was_found(photo: Picture) -> None:
    def fail() -> float:
        raise AssertionError("measured again")

    assert speckle.level(photo.pixels, measure_noise_255=fail) is None


def test_texture_that_grows_with_the_signal_is_not_taken_for_noise(rng: np.random.Generator) -> None:
    noise = add_speckle_noise(np.full((64, 512, 3), 1, np.float32), rng=rng, sigma=0.1)
    pixels = np.linspace(0.1, 0.9, 512, dtype=np.float32)[None, :, None] * noise
    assert speckle.level(pixels, measure_noise_255=lambda: 12.0) == pytest.approx(25.5, rel=0.1)
    assert speckle.level(pixels, measure_noise_255=lambda: 1.0) is None


def test_more_noise_gives_a_higher_level(photo: Picture, rng: np.random.Generator) -> None:
    levels = [
        noise_level(_changed(photo, quantize_8bit(add_gaussian_noise(photo.pixels, rng=rng, sigma=sigma / 255))))
        for sigma in (0, 10, 20, 30, 40)
    ]
    assert levels == sorted(levels)
    assert levels[0] < 3


@pytest.mark.parametrize("size", [(64, 64), (1000, 1024), (1024, 1024), (1024, 2048)])
@pytest.mark.parametrize("is_clipped", [False, True])
def test_clipped_share_is_that_of_the_blocks_looked_at(
    size: tuple[int, int], is_clipped: bool, rng: np.random.Generator
) -> None:
    pixels = rng.uniform(0.25, 0.75, (*size, 3)).astype(np.float32)
    if is_clipped:
        pixels[: size[0] // 2] = 0
    found = features(pixels)
    assert found is not None
    assert len(found) == FEATURES
    assert found[-3] == pytest.approx(0.5 if is_clipped else 0, abs=0.01)


@pytest.mark.parametrize("size", [(1, 1), (5, 200), (127, 300), (128, 128), (129, 1000)])
def test_any_size_has_a_diagnosis(size: tuple[int, int], rng: np.random.Generator) -> None:
    found = diagnose(Picture(rng.random((*size, 3), dtype=np.float32)))
    assert np.isfinite(found.noise_level)


@pytest.mark.parametrize("quality", [10, 25, 50, 75, 90])
@pytest.mark.parametrize("full_colour", [False, True])
def test_quality_is_read_from_the_pixels(photo: Picture, quality: int, full_colour: bool) -> None:
    saved = _changed(photo, compress_jpeg(photo.pixels, quality=quality, full_colour=full_colour))
    assert jpeg_quality(saved) == pytest.approx(quality, abs=1)


def test_first_of_two_compressions_is_seen_where_it_was_the_stronger(photo: Picture) -> None:
    again = compress_jpeg(compress_jpeg(photo.pixels, quality=30), quality=92)
    assert jpeg_quality(_changed(photo, again)) == 30
    assert jpeg_quality(replace(_changed(photo, again), jpeg_quality=92)) == 30


@pytest.mark.parametrize("start", [(0, 3), (5, 2), (7, 7)])
def test_quality_is_read_from_a_picture_that_was_cropped_since(photo: Picture, start: tuple[int, int]) -> None:
    top, left = start
    saved = compress_jpeg(photo.pixels, quality=60)[8 - top :, 8 - left :]
    assert cropped_start(gray_of(saved)) == start
    assert jpeg_quality(_changed(photo, saved)) == 60
    again = compress_jpeg(np.ascontiguousarray(saved), quality=95)
    assert jpeg_quality(_changed(photo, again)) == pytest.approx(60, abs=3)


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (8, 8), (15, 9)])
def test_grid_of_tiny_pictures_begins_somewhere(size: tuple[int, int], rng: np.random.Generator) -> None:
    assert max(cropped_start(rng.random(size, dtype=np.float32))) < 8


def test_quality_of_the_file_counts_where_the_pixels_show_nothing(photo: Picture) -> None:
    assert jpeg_quality(photo) is None
    assert jpeg_quality(replace(photo, jpeg_quality=95)) == 95


@pytest.mark.parametrize("kind", ["flat", "ramp", "noise", "black"])
def test_pictures_that_were_never_compressed_have_no_quality(kind: str, rng: np.random.Generator) -> None:
    ramp = np.tile(np.linspace(0, 1, 256, dtype=np.float32), (256, 1))
    planes = {"flat": ramp * 0 + 0.5, "ramp": quantize_8bit(ramp), "noise": rng.random((256, 256)), "black": ramp * 0}
    assert jpeg_quality(Picture(np.repeat(planes[kind][..., None], 3, axis=2).astype(np.float32))) is None


def test_dots_are_counted(photo: Picture, rng: np.random.Generator) -> None:
    noisy = _changed(photo, add_salt_and_pepper(photo.pixels, rng=rng, ratio=0.2))
    assert measure_dots(noisy.pixels).share == pytest.approx(0.2, abs=0.06)  # some hardly differ
    assert measure_dots(photo.pixels).kind == "none"


def test_main_task_is_the_damage_that_stands_out(photo: Picture, rng: np.random.Generator) -> None:
    dotted = _changed(photo, add_salt_and_pepper(photo.pixels, rng=rng, ratio=0.1))
    blocky = _changed(photo, compress_jpeg(photo.pixels, quality=20))
    grainy = _changed(photo, quantize_8bit(add_gaussian_noise(photo.pixels, rng=rng, sigma=0.1)))
    tasks = [diagnose(each).main_task for each in (dotted, blocky, grainy)]
    assert tasks == [Task.SALT_AND_PEPPER, Task.DEJPEG, Task.DENOISE]


def test_picture_that_is_exposed_well_keeps_its_brightness(rng: np.random.Generator) -> None:
    pixels = rng.random((64, 64, 3), dtype=np.float32)
    assert wanted_brightness(pixels) == pytest.approx(float(gray_of(pixels).mean()), abs=1e-5)


@pytest.mark.parametrize("stops", [2, 3, 4, 5])
def test_dark_picture_is_to_become_as_bright_as_most(stops: int, rng: np.random.Generator) -> None:
    pixels = rng.random((64, 64, 3), dtype=np.float32)
    assert 0.4 < wanted_brightness(darken(pixels, rng=rng, stops=stops)) < 0.5


def test_black_all_round_a_dark_thing_is_not_brightened_as_the_thing_is() -> None:
    pixels = np.zeros((160, 160, 3), np.float32)
    pixels[64:112, 64:112] = 0.06  # 9 % of the picture
    assert wanted_brightness(pixels) == pytest.approx(0.45 * 0.15, rel=0.25)
    pixels[:128] = 0.06  # a fifth is black
    assert 0.4 < wanted_brightness(pixels) < 0.46


def test_black_and_white_pictures_have_a_wanted_brightness() -> None:
    assert 0 < wanted_brightness(np.zeros((8, 8, 3), np.float32)) < 1
    assert wanted_brightness(np.ones((8, 8, 3), np.float32)) == pytest.approx(1)


@pytest.mark.parametrize("sigma", [3.0, 6.0, 12.0])
def test_noise_of_shadows_is_measured_beside_bright_texture(
    sigma: float, photo: Picture, rng: np.random.Generator
) -> None:
    dark = darken(photo.pixels, rng=rng, stops=3.0)
    noisy = dark + np.float32(sigma / 255) * rng.standard_normal(dark.shape, dtype=np.float32)
    assert shadow_noise_level(Picture(pixels=noisy)) == pytest.approx(sigma, rel=0.3)
    assert shadow_noise_level(Picture(pixels=dark)) < 1


def test_noise_whose_finest_part_compression_has_taken_is_measured_in_the_rest(rng: np.random.Generator) -> None:
    coarse = cv2.resize(rng.normal(0, 6 / 255, (128, 128, 3)).astype(np.float32), (256, 256))
    dark = np.clip(0.1 + coarse, 0, 1).astype(np.float32)
    smooth = dark[::2, ::2].repeat(2, axis=0).repeat(2, axis=1)  # no detail within squares of 2x2
    assert dark_half_noise(smooth) == 0
    assert shadow_noise_level(Picture(pixels=smooth)) > 1


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 7, 3), (64, 64, 3)])
def test_pictures_without_shadows_to_measure_have_no_noise(shape: tuple[int, int, int]) -> None:
    assert shadow_noise_level(Picture(pixels=np.zeros(shape, np.float32))) == 0


def test_what_lies_under_transparency_tells_nothing(photo: Picture, rng: np.random.Generator) -> None:
    noisy = photo.pixels + np.float32(25 / 255) * rng.standard_normal(photo.pixels.shape, dtype=np.float32)
    rows, columns = np.indices(noisy.shape[:2])
    circle = np.hypot(rows - 150, columns - 225) < 140
    opaque = diagnose(Picture(np.clip(noisy, 0, 1)))
    for below in (0.0, 0.5, 1.0):
        hidden = np.where(circle[..., None], np.clip(noisy, 0, 1), np.float32(below))
        found = diagnose(Picture(hidden, alpha=circle.astype(np.float32)))
        assert found.noise_level == pytest.approx(opaque.noise_level, rel=0.15)
        assert found.dots.kind == "none"


def test_visible_part_is_all_of_an_opaque_picture_and_whole_blocks_of_others(photo: Picture) -> None:
    assert visible_part(photo) is photo
    alpha = np.zeros(photo.pixels.shape[:2], np.float32)
    assert visible_part(Picture(photo.pixels, alpha=alpha)).pixels is photo.pixels
    alpha[8:24, 16:48] = 1
    seen = visible_part(Picture(photo.pixels, alpha=alpha)).pixels
    expected = np.concatenate([photo.pixels[8:24, 16:32], photo.pixels[8:24, 32:48]], axis=1)
    assert sorted(map(tuple, seen.reshape(-1, 3))) == sorted(map(tuple, expected.reshape(-1, 3)))
