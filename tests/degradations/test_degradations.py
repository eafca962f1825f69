from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from restoration.degradations.blur import gaussian_blur, motion_kernel
from restoration.degradations.compose import add_developed_noise, add_photo_noise
from restoration.degradations.jpeg import compress_jpeg
from restoration.degradations.lowlight import darken, underexpose
from restoration.degradations.masks import draw_blobs, draw_scratches, draw_text
from restoration.degradations.noise import add_camera_noise, add_gaussian_noise, add_salt_and_pepper, quantize_8bit
from restoration.degradations.resize import downscale
from restoration.degradations.second_order import degrade_twice, random_kernel, sinc_kernel

IDENTITIES = {
    "gaussian noise": lambda image, rng: add_gaussian_noise(image, rng=rng, sigma=0),
    "camera noise": lambda image, rng: add_camera_noise(image, rng=rng, shot=0, read=0),
    "salt and pepper": lambda image, rng: add_salt_and_pepper(image, rng=rng, ratio=0),
    "gaussian blur": lambda image, rng: gaussian_blur(image, radius_px=0),
    "darkening": lambda image, rng: darken(image, rng=rng, stops=0),
    "downscaling": lambda image, rng: downscale(image, scale=1),
}
RANDOM = {
    "gaussian noise": lambda image, rng: add_gaussian_noise(image, rng=rng, sigma=0.1),
    "camera noise": lambda image, rng: add_camera_noise(image, rng=rng, shot=0.01, read=0.02),
    "salt and pepper": lambda image, rng: add_salt_and_pepper(image, rng=rng, ratio=0.2),
    "darkening": lambda image, rng: darken(image, rng=rng, stops=3, shot=0.01, read=0.01),
    "underexposure": lambda image, rng: underexpose(image, rng=rng, stops=3, cast_stops=0.3).noisy,
    "camera": lambda image, rng: add_developed_noise(image, rng=rng, sigma=0.1),
    "any source": lambda image, rng: add_photo_noise(image, rng=rng, sigma=0.1)[0],
}


@pytest.fixture
def image(rng: np.random.Generator) -> np.ndarray:
    return rng.random((33, 47, 3), dtype=np.float32)


@pytest.mark.parametrize("name", IDENTITIES)
def test_zero_strength_is_the_identity(name: str, image: np.ndarray, rng: np.random.Generator) -> None:
    np.testing.assert_array_equal(IDENTITIES[name](image, rng), image)


@pytest.mark.parametrize("name", RANDOM)
def test_seed_repeats_the_degradation(name: str, image: np.ndarray) -> None:
    first, second, other = (RANDOM[name](image, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    assert first.dtype == np.float32
    assert first.shape == image.shape


def test_gaussian_noise_has_its_sigma_and_no_bias(rng: np.random.Generator) -> None:
    noise = add_gaussian_noise(np.full((200, 200, 3), 0.5, np.float32), rng=rng, sigma=0.1) - 0.5
    assert noise.std() == pytest.approx(0.1, rel=0.02)
    assert noise.mean() == pytest.approx(0, abs=0.002)


@pytest.mark.parametrize("level", [0.1, 0.8])
def test_camera_noise_has_the_variance_of_its_model(level: float, rng: np.random.Generator) -> None:
    noisy = add_camera_noise(np.full((200, 200, 3), level, np.float32), rng=rng, shot=0.01, read=0.02)
    assert noisy.var() == pytest.approx(0.01 * level + 0.02**2, rel=0.03)


def test_salt_and_pepper_damages_its_share_half_white_half_black(rng: np.random.Generator) -> None:
    damaged = add_salt_and_pepper(np.full((300, 300, 3), 0.5, np.float32), rng=rng, ratio=0.3)
    assert (damaged == 0).all(axis=2).mean() == pytest.approx(0.15, abs=0.01)
    assert (damaged == 1).all(axis=2).mean() == pytest.approx(0.15, abs=0.01)
    assert (damaged == 0.5).mean() == pytest.approx(0.7, abs=0.01)


def test_quantised_samples_are_those_of_an_8_bit_file(rng: np.random.Generator) -> None:
    values = 255 * quantize_8bit(rng.normal(0.5, 0.5, (20, 20, 3)).astype(np.float32))
    np.testing.assert_allclose(values, np.rint(values), atol=1e-4)
    assert values.min() >= 0
    assert values.max() <= 255


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_downscaling_equals_pillows_antialiased_bicubic(scale: int, rng: np.random.Generator) -> None:
    samples = rng.integers(0, 256, (48, 60, 3), dtype=np.uint8)
    expected = Image.fromarray(samples).resize((60 // scale, 48 // scale), Image.Resampling.BICUBIC)
    small = downscale(samples.astype(np.float32) / 255, scale=scale)
    np.testing.assert_allclose(255 * small, np.asarray(expected), atol=1.1)


def test_downscaling_keeps_a_constant_and_cuts_what_is_left_over() -> None:
    small = downscale(np.full((11, 14, 3), 0.3, np.float32), scale=4)
    assert small.shape == (2, 3, 3)
    np.testing.assert_allclose(small, 0.3, atol=1e-6)


@pytest.mark.parametrize("angle_deg", [0, 30, 90, 135])
def test_motion_kernel_is_centred_and_adds_up_to_one(angle_deg: float) -> None:
    kernel = motion_kernel(9, angle_deg)
    assert kernel.sum() == pytest.approx(1)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-3)


@pytest.mark.parametrize("length_px", [1, 3, 6, 15])
def test_motion_kernel_is_as_long_as_asked_for(length_px: float) -> None:
    kernel = motion_kernel(length_px, 0)
    places = np.arange(kernel.shape[1]) - kernel.shape[1] // 2
    covered = np.clip(length_px / 2 + 0.5 - np.abs(places), 0, 1)  # of every pixel, by a line 1 px high
    np.testing.assert_allclose(kernel[len(kernel) // 2], covered / length_px, atol=1e-3)
    assert kernel[: len(kernel) // 2].max() == 0


def test_blur_keeps_the_mean_and_lowers_the_contrast(image: np.ndarray) -> None:
    blurred = gaussian_blur(image, radius_px=2)
    assert blurred.mean() == pytest.approx(image.mean(), abs=0.01)
    assert blurred.std() < 0.5 * image.std()


def test_jpeg_equals_the_file_that_pillow_writes(image: np.ndarray, tmp_path) -> None:
    samples = np.rint(image * 255).astype(np.uint8)
    Image.fromarray(samples).save(tmp_path / "a.jpg", quality=30)
    expected = np.asarray(Image.open(tmp_path / "a.jpg"))
    np.testing.assert_allclose(255 * compress_jpeg(image, quality=30), expected, atol=1e-3)


def test_gray_jpeg_is_gray(image: np.ndarray) -> None:
    compressed = compress_jpeg(image, quality=30, is_gray=True)
    assert (compressed[..., 0] == compressed[..., 1]).all()


def test_underexposure_without_noise_is_one_power_law(image: np.ndarray, rng: np.random.Generator) -> None:
    noisy, clean = underexpose(image, rng=rng, stops=3)
    ratio = clean[image > 0.05] / image[image > 0.05]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)
    assert 2 ** (-3 / 1.8) <= float(ratio[0]) <= 2 ** (-3 / 2.6)
    assert not np.array_equal(noisy, clean)
    assert 0 <= noisy.min() <= noisy.max() <= 1


def test_every_stop_halves_linear_light(rng: np.random.Generator) -> None:
    dark = darken(np.full((8, 8, 3), 0.5, np.float32), rng=rng, stops=3)
    np.testing.assert_allclose(dark**2.2, 0.5**2.2 / 8, rtol=1e-4)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: draw_scratches(80, 120, rng=rng, count=5),
        lambda rng: draw_blobs(80, 120, rng=rng, count=5, radius_px=6),
        lambda rng: draw_text(80, 120, text="2004", lines=2),
    ],
)
def test_mask_marks_some_and_not_most_of_the_picture(draw) -> None:
    mask = draw(np.random.default_rng(4))
    assert mask.dtype == np.bool_
    assert mask.shape == (80, 120)
    assert 0.001 < mask.mean() < 0.5
    np.testing.assert_array_equal(mask, draw(np.random.default_rng(4)))


def test_level_told_to_the_denoiser_is_that_of_the_noise() -> None:
    image = np.full((64, 64, 3), 0.5, np.float32)
    for seed in range(20):
        noisy, level = add_photo_noise(image, rng=np.random.default_rng(seed), sigma=0.1)
        assert level == pytest.approx(float(np.sqrt(np.mean((noisy - image) ** 2))), rel=0.3)


def test_developed_noise_fits_an_8_bit_file(image: np.ndarray, rng: np.random.Generator) -> None:
    steps = add_developed_noise(image, rng=rng, sigma=0.2) * 255
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)


@pytest.mark.parametrize("seed", range(20))
def test_web_damage_gives_the_shrunk_size_as_an_8_bit_file_holds_it(seed: int) -> None:
    image = np.random.default_rng(0).random((48, 64, 3), dtype=np.float32)
    damaged, again = (degrade_twice(image, rng=np.random.default_rng(seed), scale=4) for _ in range(2))
    np.testing.assert_array_equal(damaged, again)
    assert damaged.shape == (12, 16, 3)
    assert damaged.dtype == np.float32
    np.testing.assert_allclose(damaged * 255, np.rint(damaged * 255), atol=1e-3)


def test_web_damage_keeps_the_colours_on_average(rng: np.random.Generator) -> None:
    flat = np.full((128, 128, 3), (0.6, 0.4, 0.3), np.float32)
    means = [degrade_twice(flat, rng=rng, scale=2).mean(axis=(0, 1)) for _ in range(30)]
    np.testing.assert_allclose(np.mean(means, axis=0), (0.6, 0.4, 0.3), atol=0.02)


@pytest.mark.parametrize("seed", range(30))
def test_kernels_have_sum_one_and_odd_sides(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for kernel in (random_kernel(rng=rng, sigmas_px=(0.2, 3)), sinc_kernel(rng=rng)):
        assert kernel.sum() == pytest.approx(1, abs=1e-4)
        assert kernel.shape[0] == kernel.shape[1]
        assert kernel.shape[0] % 2 == 1
        np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-6)
