from __future__ import annotations

import math

import numpy as np
import pytest
from skimage import metrics as reference
from skimage.color import rgb2ycbcr

from restoration.metrics import CATALOGUE, mae, mse, psnr, ssim, to_y


@pytest.fixture
def pair(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    clean = rng.random((40, 50, 3), dtype=np.float32)
    return clean, np.clip(clean + rng.normal(0, 0.1, clean.shape), 0, 1).astype(np.float32)


@pytest.mark.parametrize("offset", [0.1, 0.01])
def test_constant_offset_has_the_known_scores(offset: float) -> None:
    black, gray = np.zeros((20, 20)), np.full((20, 20), offset)
    assert mse(gray, black) == pytest.approx(offset**2)
    assert mae(gray, black) == pytest.approx(offset)
    assert psnr(gray, black) == pytest.approx(-20 * math.log10(offset))


def test_identical_pictures_score_best_everywhere(pair: tuple[np.ndarray, np.ndarray]) -> None:
    clean, _ = pair
    assert psnr(clean, clean) == math.inf
    assert ssim(clean, clean) == pytest.approx(1)
    assert mse(clean, clean) == mae(clean, clean) == 0


def test_scores_equal_those_of_scikit_image(pair: tuple[np.ndarray, np.ndarray]) -> None:
    clean, noisy = (array.astype(np.float64) for array in pair)
    assert psnr(noisy, clean) == pytest.approx(reference.peak_signal_noise_ratio(clean, noisy, data_range=1))
    assert mse(noisy, clean) == pytest.approx(reference.mean_squared_error(clean, noisy))
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    expected = np.mean([reference.structural_similarity(clean[..., c], noisy[..., c], **options) for c in range(3)])
    assert ssim(noisy, clean) == pytest.approx(expected)


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_range_of_samples_does_not_change_the_score(metric, pair: tuple[np.ndarray, np.ndarray]) -> None:
    clean, noisy = pair
    score = metric.function(noisy, clean, data_range=1.0)
    assert metric.function(255.0 * noisy, 255.0 * clean, data_range=255.0) == pytest.approx(score, rel=1e-5)


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_cropped_border_does_not_count(metric, pair: tuple[np.ndarray, np.ndarray]) -> None:
    clean, noisy = pair
    spoiled = noisy.copy()
    spoiled[:4], spoiled[:, -4:] = 0, 1
    assert metric.function(spoiled, clean, crop_border=4) == pytest.approx(metric.function(noisy, clean, crop_border=4))


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_pictures_that_cannot_be_compared_are_refused(metric) -> None:
    with pytest.raises(ValueError, match="same shape"):
        metric.function(np.zeros((20, 20)), np.zeros((20, 21)))
    with pytest.raises(ValueError, match="Nothing is left"):
        metric.function(np.zeros((20, 20)), np.zeros((20, 20)), crop_border=10)


def test_y_equals_that_of_scikit_image(rng: np.random.Generator) -> None:
    rgb = rng.random((6, 7, 3))
    np.testing.assert_allclose(255 * to_y(rgb), rgb2ycbcr(rgb)[..., 0], atol=1e-9)
