"""Blind estimation: kernels that are near the truth, and pieces that minimise what they say."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d, correlate2d
from torch import Tensor

from restoration.algorithms.blind_kernel import (
    _correlations,
    _gradient_power,
    _gradients,
    _gradients_adjoint,
    _textured_part,
    estimate_kernel,
    fit_kernel,
    pruned,
    sparse_latent,
    trimmed,
)
from restoration.algorithms.convolution import Canvas
from restoration.degradations.blur import motion_kernel

HOOK = np.zeros((7, 7), np.float32)
HOOK[1, 1:6] = 0.12
HOOK[2:6, 5] = 0.1


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """A part of scikit-image's camera man, (200, 200)."""
    from skimage import data

    return (data.camera()[40:440:2, 100:500:2] / 255).astype(np.float32)


def _last(steps: Generator[float, None, np.ndarray]) -> tuple[list[float], np.ndarray]:
    fractions = []
    while True:
        try:
            fractions.append(next(steps))
        except StopIteration as end:
            return fractions, end.value


def _likeness(first: np.ndarray, second: np.ndarray) -> float:
    """Return the largest normalised cross-correlation over all shifts."""
    return float(correlate2d(first, second).max() / np.linalg.norm(first) / np.linalg.norm(second))


def _random(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(rng.standard_normal(shape))


@pytest.mark.parametrize("kernel", [HOOK, motion_kernel(7, 30)], ids=["hook", "line"])
def test_estimate_is_like_the_kernel_that_blurred(kernel: np.ndarray, photo: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    blurred = convolve2d(photo, kernel / kernel.sum(), mode="valid")
    noisy = (blurred + rng.normal(0, 0.005, blurred.shape)).astype(np.float32)
    fractions, found = _last(estimate_kernel(noisy, size_px=11))
    assert _likeness(found, kernel) > 0.8
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1, abs=1e-5)
    assert all(side % 2 == 1 and side <= 11 for side in found.shape)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


@pytest.mark.parametrize("size", [(120, 90), (12, 12), (1, 1)])
def test_flat_or_tiny_picture_tells_no_kernel(size: tuple[int, int]) -> None:
    _, found = _last(estimate_kernel(np.full(size, 0.3, np.float32), size_px=15))
    np.testing.assert_array_equal(found, [[1]])


def test_gradients_and_their_adjoint_agree(rng: np.random.Generator) -> None:
    image, slopes = _random(rng, 1, 1, 9, 12), _random(rng, 1, 2, 9, 12)
    forth = float((_gradients(image) * slopes).sum())
    assert forth == pytest.approx(float((image * _gradients_adjoint(slopes)).sum()))
    twice = torch.fft.rfft2(_gradients_adjoint(_gradients(image)))
    torch.testing.assert_close(twice, torch.fft.rfft2(image) * _gradient_power((9, 12)), rtol=1e-4, atol=1e-4)


def test_correlations_are_those_of_scipy(rng: np.random.Generator) -> None:
    first, second = np.zeros((2, 1, 16, 17))
    first[:, 4:-4, 4:-4], second[:, 4:-4, 4:-4] = rng.standard_normal((2, 1, 8, 9))
    expected = correlate2d(second[0], first[0])[15 - 3 : 15 + 4, 16 - 3 : 16 + 4]
    found = _correlations(torch.from_numpy(first), torch.from_numpy(second), 3)
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_kernel_is_exact_where_the_latent_picture_is(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restoration.algorithms.blind_kernel._RIDGE", 1e-6)
    sharp = rng.random((80, 80)).astype(np.float32)
    kernel = HOOK / HOOK.sum()
    blurred = convolve2d(sharp, kernel, mode="same").astype(np.float32)
    found = fit_kernel(torch.from_numpy(sharp), torch.from_numpy(blurred), size_px=7)
    np.testing.assert_allclose(found, kernel, atol=0.01)


def test_latent_picture_lowers_the_objective(photo: np.ndarray) -> None:
    kernel = (HOOK / HOOK.sum()).astype(np.float32)
    blurred = torch.from_numpy(convolve2d(photo, kernel, mode="valid").astype(np.float32))[None, None]
    canvas, sparsity = Canvas(blurred, kernel), 4e-3

    def objective(image: Tensor) -> float:
        misfit = (canvas.known * (canvas.blur.blur(image) - canvas.observed)).square().sum()
        edges = (canvas.cut(_gradients(image)).square().sum(dim=1) > 1e-6).sum()
        return float(misfit + sparsity * edges)

    assert objective(sparse_latent(canvas, sparsity=sparsity)) < 0.8 * objective(canvas.continued)


def test_pruned_kernel_has_no_weak_weights_and_no_small_loose_parts() -> None:
    kernel = torch.zeros(7, 7)
    kernel[3, 2:5] = 1.0
    kernel[3, 5] = 0.04
    kernel[0, 0] = 0.2
    expected = torch.zeros(7, 7)
    expected[3, 2:5] = 1 / 3
    torch.testing.assert_close(pruned(kernel), expected)


def test_trimmed_kernel_keeps_its_middle() -> None:
    kernel = np.zeros((9, 9), np.float32)
    kernel[4, 4] = kernel[2, 5] = 0.5
    assert trimmed(kernel).shape == (5, 3)
    assert trimmed(kernel)[2, 1] == 0.5
    kernel[2, 5], kernel[4, 5] = 0, 0.5
    np.testing.assert_array_equal(trimmed(kernel), [[1]])


def test_large_picture_is_judged_by_its_textured_part(rng: np.random.Generator) -> None:
    gray = np.full((1000, 900), 0.5, np.float32)
    gray[600:, 500:] = rng.random((400, 400))
    part = _textured_part(gray)
    assert 0.9 * 350_000 <= part.size <= 350_000
    assert (part != 0.5).sum() > 0.95 * 400 * 400
