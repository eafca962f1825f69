from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest
import torch

from restoration.degradations.jpeg import compress_jpeg
from restoration.degradations.lowlight import darken
from restoration.degradations.noise import add_gaussian_noise, add_salt_and_pepper
from restoration.errors import ModelUnavailable
from restoration.metrics import psnr
from restoration.models import (
    adaptive_median,
    bilateral,
    bm3d,
    clahe,
    diffusion_inpaint,
    interpolation,
    jpeg_deblock,
    median,
    non_local_means,
)
from restoration.models.shared.contract import Restorer
from restoration.types import ParamValue

MIDDLE = {"sigma": 25 / 255, "quality": 10}
BRIGHTEN = {"strength": 1.0, "gamma": 0.0, "clip_limit": 1.0}


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """A natural photograph: a quarter of scikit-image's cat."""
    from skimage import data

    return data.chelsea()[60:240, 120:300].astype(np.float32) / 255


def _run(module, image: np.ndarray, **parameters: ParamValue) -> np.ndarray:
    restorer: Restorer = module.build(config={}, weights={}, parameters={})
    batch = torch.from_numpy(image).permute(2, 0, 1)[None]
    restored = restorer.restore(batch, parameters=[{**MIDDLE, **BRIGHTEN, **parameters}])
    return restored[0].permute(1, 2, 0).numpy()


def test_adaptive_median_leaves_a_picture_without_extremes_as_it_is(photo: np.ndarray) -> None:
    inside = np.clip(photo, 0.02, 0.98)
    np.testing.assert_array_equal(_run(adaptive_median, inside), inside)


def test_adaptive_median_leaves_saturated_areas_as_they_are() -> None:
    image = np.full((40, 40, 3), 0.5, np.float32)
    image[10:30, 10:30] = 1
    np.testing.assert_array_equal(_run(adaptive_median, image)[12:28, 12:28], image[12:28, 12:28])


@pytest.mark.parametrize(("ratio", "least_gain_db"), [(0.1, 4), (0.3, 6), (0.5, 6)])
def test_adaptive_median_beats_a_plain_median(
    photo: np.ndarray, rng: np.random.Generator, ratio: float, least_gain_db: float
) -> None:
    noisy = add_salt_and_pepper(photo, rng=rng, ratio=ratio)
    plain = max(psnr(cv2.medianBlur(noisy, side), photo) for side in (3, 5))
    assert psnr(_run(adaptive_median, noisy), photo) >= plain + least_gain_db


@pytest.mark.parametrize("method", [non_local_means, bilateral, median])
def test_classical_filters_remove_noise(method, photo: np.ndarray, rng: np.random.Generator) -> None:
    noisy = add_gaussian_noise(photo, rng=rng, sigma=25 / 255)
    assert psnr(_run(method, noisy, window_px=5), photo) >= psnr(noisy, photo) + 6


@pytest.mark.parametrize("method", [non_local_means, bilateral])
def test_denoising_with_sigma_zero_is_the_identity(method, photo: np.ndarray) -> None:
    np.testing.assert_array_equal(_run(method, photo, sigma=0.0), photo)


def test_bilateral_filter_leaves_a_strong_edge_as_it_is() -> None:
    image = np.zeros((24, 24, 3), np.float32)
    image[:, 12:] = 1
    np.testing.assert_allclose(_run(bilateral, image), image, atol=1e-4)


@pytest.mark.parametrize("side", [3, 5])
def test_median_takes_the_middle_value_of_its_window(side: int, rng: np.random.Generator) -> None:
    image = rng.random((11, 13, 3), dtype=np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(image, (side, side), axis=(0, 1))
    inside = _run(median, image, window_px=side)[side // 2 : -(side // 2), side // 2 : -(side // 2)]
    np.testing.assert_array_equal(inside, np.median(windows, axis=(3, 4)))


class _Library:
    """Stands for the library bm3d: halves what it is given."""

    @staticmethod
    def bm3d_rgb(image: np.ndarray, sigma: float) -> np.ndarray:
        assert image.ndim == 3
        return image.astype(np.float64) / 2

    @staticmethod
    def bm3d(image: np.ndarray, sigma: float) -> np.ndarray:
        assert image.ndim == 2
        return image.astype(np.float64)[..., None] / 2


@pytest.mark.parametrize("channels", [1, 3])
def test_bm3d_gets_colour_or_gray(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator, channels: int) -> None:
    monkeypatch.setitem(sys.modules, "bm3d", _Library)
    image = rng.random((16, 20, channels), dtype=np.float32).repeat(3 // channels, axis=2)
    restored = _run(bm3d, image)
    assert restored.dtype == np.float32
    np.testing.assert_allclose(restored, image / 2, atol=1e-6)


def test_bm3d_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bm3d", None)
    with pytest.raises(ModelUnavailable, match="pip install bm3d"):
        bm3d.build(config={}, weights={}, parameters={})


def test_bm3d_removes_noise_where_it_is_installed(photo: np.ndarray, rng: np.random.Generator) -> None:
    pytest.importorskip("bm3d")
    noisy = add_gaussian_noise(photo[:64, :64], rng=rng, sigma=25 / 255)
    assert psnr(_run(bm3d, noisy), photo[:64, :64]) >= psnr(noisy, photo[:64, :64]) + 6


def test_deblocking_brings_a_jpeg_nearer_to_its_original(photo: np.ndarray) -> None:
    compressed = compress_jpeg(photo, quality=10)
    assert psnr(_run(jpeg_deblock, compressed), photo) >= psnr(compressed, photo) + 0.3


def test_deblocking_at_high_quality_hardly_changes_anything(photo: np.ndarray) -> None:
    assert psnr(_run(jpeg_deblock, photo, quality=95), photo) > 40


@pytest.mark.parametrize("kernel", ["bicubic", "lanczos"])
def test_interpolation_keeps_a_constant_exactly_and_a_ramp_nearly(kernel: str) -> None:
    restorer = interpolation.build(config={"kernel": kernel}, weights={}, parameters={"scale": 3})
    flat = np.full((9, 11, 3), 0.4, np.float32)
    np.testing.assert_allclose(restorer.restore_array(flat, parameters={}), 0.4, atol=1e-6)
    ramp = np.broadcast_to(np.linspace(0, 1, 40, dtype=np.float32)[None, :, None], (8, 40, 3)).copy()
    expected = (np.arange(120) + 0.5) / 3 - 0.5
    enlarged = restorer.restore_array(ramp, parameters={})
    np.testing.assert_allclose(39 * enlarged[12, 12:-12, 0], expected[12:-12], atol=0.02)


def test_brightening_with_strength_zero_is_the_identity(photo: np.ndarray) -> None:
    np.testing.assert_allclose(_run(clahe, photo, strength=0.0), photo, atol=1e-5)


def test_brightening_brings_a_dark_picture_nearer_to_its_original(photo: np.ndarray, rng: np.random.Generator) -> None:
    dark = darken(photo, rng=rng, stops=3)
    assert psnr(_run(clahe, dark), photo) >= psnr(dark, photo) + 5


def test_brightening_keeps_gray_gray_and_the_order_of_channels(photo: np.ndarray, rng: np.random.Generator) -> None:
    dark = darken(photo, rng=rng, stops=3)
    bright = _run(clahe, dark)
    clear = np.ptp(dark, axis=2) > 0.1
    np.testing.assert_array_equal(bright.argmax(axis=2)[clear], dark.argmax(axis=2)[clear])
    gray = np.repeat(dark[..., :1], 3, axis=2)
    assert np.ptp(_run(clahe, gray), axis=2).max() < 1e-3


def test_brightening_keeps_stars_on_a_black_sky() -> None:
    sky = np.zeros((60, 80, 3), np.float32)
    sky[::9, ::11] = 0.9
    restored = _run(clahe, sky)
    assert (restored[::9, ::11] >= 0.85).all()


def test_brightening_of_strength_zero_is_the_identity(rng: np.random.Generator) -> None:
    pixels = rng.random((40, 50, 3), dtype=np.float32)
    np.testing.assert_allclose(_run(clahe, pixels, strength=0.0), pixels, atol=1e-4)


def _holes(shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape[:2], np.bool_)
    mask[20:60, 30:90] = mask[100:104, 5:170] = mask[:30, 140:150] = True
    return mask


@pytest.mark.parametrize("method", ["telea", "navier-stokes"])
def test_diffusion_is_that_of_opencv(photo: np.ndarray, method: str) -> None:
    flag = {"telea": cv2.INPAINT_TELEA, "navier-stokes": cv2.INPAINT_NS}[method]
    mask = _holes(photo.shape)
    restorer = diffusion_inpaint.build(config={"method": method}, weights={}, parameters={})
    filled = restorer.restore_array(photo, parameters={"radius": 5.0}, mask=mask)
    for channel in range(3):
        plane = np.rint(photo[..., channel] * 65535).astype(np.uint16)
        wanted = cv2.inpaint(plane, mask.astype(np.uint8), 5.0, flag) / 65535
        np.testing.assert_allclose(filled[mask, channel], wanted[mask], atol=1e-6)
    np.testing.assert_array_equal(filled[~mask], photo[~mask])


def test_diffusion_that_would_take_long_goes_piece_by_piece(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffusion_inpaint, "_MOST_WORK", 0)
    monkeypatch.setattr(diffusion_inpaint, "_CELL_PX", 48)
    mask = _holes(photo.shape)
    restorer = diffusion_inpaint.build(config={"method": "telea"}, weights={}, parameters={})
    steps = list(restorer.fill(np.where(mask[..., None], 0, photo), mask, parameters={"radius": 3.0}))
    assert [fraction for fraction, _ in steps] == pytest.approx(np.arange(1, len(steps) + 1) / len(steps))
    assert len(steps) > 6
    filled = steps[-1][1]
    np.testing.assert_array_equal(filled[~mask], photo[~mask])
    assert np.abs(filled - photo)[mask].mean() < 0.15
    assert filled[mask].min() > 0
