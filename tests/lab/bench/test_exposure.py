"""The test of brighteners on bright and mixed pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from restoration.degradations.exposure import darken_by_curve, draw_field, expose, expose_and_spoil, spoil
from restoration.lab.bench.exposure import CONDITIONS, brighten, measure_exposure, to_json, to_markdown


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("clean") / "a.png"
    coarse = np.random.default_rng(3).integers(10, 200, (6, 8, 3), dtype=np.uint8)
    cv2.imwrite(str(file), cv2.resize(coarse, (64, 48), interpolation=cv2.INTER_CUBIC))
    return file


def test_doing_nothing_neither_gains_nor_clips(picture: Path) -> None:
    for row in measure_exposure(lambda pixels: pixels, [picture]):
        assert row.output_psnr_db == row.input_psnr_db
        assert row.output_clipped == row.input_clipped


def test_brightening_what_is_bright_loses_and_clips(picture: Path) -> None:
    bright = next(condition for condition in CONDITIONS if condition.name == "bright, salt and pepper")
    (row,) = measure_exposure(lambda pixels: np.clip(2 * pixels, 0, 1), [picture], conditions=[bright])
    assert row.least_gain_db < -0.5
    assert row.output_clipped[0] > row.input_clipped[0] + 0.1


def test_picture_without_damage_has_no_score_before(picture: Path) -> None:
    clean = next(condition for condition in CONDITIONS if condition.name == "bright, clean")
    (line,) = to_json(measure_exposure(lambda pixels: 0.9 * pixels, [picture], conditions=[clean]))
    assert line["input_psnr"] is None
    assert line["input_clipped"] == 0
    assert line["output_psnr"] > 15
    assert "| bright, clean |  |" in to_markdown([line])


def test_brightened_picture_is_bright_and_keeps_its_ends() -> None:
    pixels = np.full((8, 8, 3), 0.1, np.float32)
    pixels[0], pixels[-1] = 0, 1
    lifted = brighten(pixels)
    assert lifted.mean() >= 0.5
    assert (lifted[0] == 0).all()
    assert (lifted[-1] == 1).all()


def test_picture_that_is_black_for_the_most_part_is_lifted_as_far_as_it_goes() -> None:
    pixels = np.full((10, 10, 3), 0.2, np.float32)
    pixels[:6] = 0
    lifted = brighten(pixels)
    assert lifted[6:].min() > 0.9
    assert not lifted[:6].any()


def test_black_picture_stays_black() -> None:
    assert not brighten(np.zeros((4, 4, 3), np.float32)).any()


def test_curve_darkens_as_its_formula_says() -> None:
    image = np.full((2, 2, 3), 0.5, np.float32)
    np.testing.assert_allclose(darken_by_curve(image, gamma=2, gain=0.5), 0.125, rtol=1e-6)
    np.testing.assert_array_equal(darken_by_curve(image, gamma=2, gain=0.5, share=0.0), image)


def test_field_is_dark_in_places_and_right_in_others(rng: np.random.Generator) -> None:
    field = draw_field(40, 60, rng=rng)
    assert field.shape == (40, 60, 1)
    assert np.mean(field == 0) > 0.2
    assert np.mean(field == 1) > 0.2


def test_rightly_exposed_picture_is_left_alone(rng: np.random.Generator) -> None:
    image = rng.random((8, 8, 3), dtype=np.float32)
    assert expose(image, rng=rng, exposure="right", gamma=2, gain=0.5) is image


@pytest.mark.parametrize("noise", ["dots", "gaussian", "poisson", "speckle", "none"])
def test_noise_of_strength_zero_only_rounds(noise: str, rng: np.random.Generator) -> None:
    image = (rng.integers(0, 256, (16, 16, 3)) / 255).astype(np.float32)
    np.testing.assert_allclose(spoil(image, rng=rng, noise=noise, strength=0.0), image, atol=1e-6)


def test_about_a_quarter_of_the_pictures_are_exposed_rightly(rng: np.random.Generator) -> None:
    image = np.full((8, 8, 3), 0.8, np.float32)
    means = [float(np.median(expose_and_spoil(image, rng=rng))) for _ in range(400)]
    assert 0.2 < np.mean([abs(mean - 0.8) < 0.08 for mean in means]) < 0.5
