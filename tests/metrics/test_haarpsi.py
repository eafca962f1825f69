from __future__ import annotations

import cv2
import numpy as np
import pytest

from restoration.metrics import haarpsi


@pytest.fixture
def photo() -> np.ndarray:
    x, y = np.meshgrid(np.linspace(0, 8, 80), np.linspace(0, 8, 64))
    return 127 + 100 * np.stack([np.sin(x * y), np.cos(3 * y), np.sign(np.sin(2 * x))], axis=2)


@pytest.mark.parametrize(
    ("height", "width", "sigma", "expected"),
    [
        (64, 80, 0.6, 0.97822388179),
        (64, 80, 3, 0.26403383788),
        (65, 81, 0.6, 0.98123535600),
        (65, 81, 3, 0.29590772600),
    ],
)
def test_gray_scores_are_those_of_the_library_piq(height: int, width: int, sigma: float, expected: float) -> None:
    """Of piq 0.8.0 in float64; its weights of colours differ from the paper's in the fourth digit."""
    x, y = np.meshgrid(np.linspace(0, 8, width), np.linspace(0, 8, height))
    picture = 127 + 100 * np.sin(x * y)
    assert haarpsi(cv2.GaussianBlur(picture, (0, 0), sigma), picture, data_range=255) == pytest.approx(expected)


def test_identical_pictures_score_1(photo: np.ndarray) -> None:
    assert haarpsi(photo, photo, data_range=255) == pytest.approx(1)
    assert haarpsi(photo[..., 0], photo[..., 0], data_range=255) == pytest.approx(1)


def test_more_blur_scores_less(photo: np.ndarray) -> None:
    scores = [haarpsi(cv2.GaussianBlur(photo, (0, 0), sigma), photo, data_range=255) for sigma in (0.6, 1.2, 3)]
    assert 1 > scores[0] > scores[1] > scores[2] > 0


def test_order_of_the_pictures_and_the_unit_do_not_matter(photo: np.ndarray) -> None:
    other = cv2.GaussianBlur(photo, (0, 0), 1)
    score = haarpsi(other, photo, data_range=255)
    assert haarpsi(photo, other, data_range=255) == pytest.approx(score)
    assert haarpsi(other / 255, photo / 255) == pytest.approx(score)


def test_flat_pictures_of_equal_tone_score_1() -> None:
    assert haarpsi(np.zeros((32, 32)), np.zeros((32, 32))) == 1


def test_other_shapes_and_tiny_pictures_are_refused(photo: np.ndarray) -> None:
    with pytest.raises(ValueError, match="same shape"):
        haarpsi(photo, photo[:-1])
    with pytest.raises(ValueError, match="16 px"):
        haarpsi(photo[:15], photo[:15])
