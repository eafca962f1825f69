"""Super-resolution that follows its input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn
from torch.nn import functional

from restoration.models.base import Contract
from restoration.models.edsr import EDSRRestorer, gaussian_smooth


class _Shifted(nn.Module):
    """Find detail that makes everything darker and redder."""

    def forward(self, image: Tensor) -> Tensor:
        shift = torch.tensor([0.1, -0.2, -0.1]).reshape(1, 3, 1, 1)
        return shift.expand(len(image), 3, 4 * image.shape[2], 4 * image.shape[3])


def test_colours_follow_the_input_whatever_the_network_does() -> None:
    image = torch.rand(1, 3, 24, 24)
    restorer = EDSRRestorer(_Shifted(), Contract(scale=4), agreement_px=1.0)  # type: ignore[arg-type]
    answer = restorer.restore(image, parameters=[{}])
    free = EDSRRestorer(_Shifted(), Contract(scale=4)).restore(image, parameters=[{}])  # type: ignore[arg-type]
    torch.testing.assert_close(answer.mean(dim=(2, 3)), image.mean(dim=(2, 3)), atol=2e-3, rtol=0)
    assert float((free.mean(dim=(2, 3)) - image.mean(dim=(2, 3))).abs().max()) > 0.1


def test_agreement_makes_the_shrunk_answer_nearer_to_the_input() -> None:
    image = functional.interpolate(torch.rand(1, 3, 6, 6), size=(24, 24), mode="bicubic").clamp(0, 1)

    def distance(agreement_px: float) -> float:
        restorer = EDSRRestorer(_Shifted(), Contract(scale=4), agreement_px=agreement_px)  # type: ignore[arg-type]
        answer = restorer.restore(image, parameters=[{}])
        return float(
            (functional.interpolate(answer, size=(24, 24), mode="bicubic", antialias=True) - image).abs().mean()
        )

    assert distance(1.0) < 0.1 * distance(0.0)


def test_noise_does_not_come_back_while_shapes_do() -> None:
    restorer = EDSRRestorer(_Shifted(), Contract(scale=4), agreement_px=1.0)  # type: ignore[arg-type]
    sigma = torch.tensor([15 / 255]).reshape(1, 1, 1, 1)
    noise = float(sigma) * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    shape = torch.zeros(1, 3, 64, 64)
    shape[..., 20:26, :] = 0.5
    untold, told = (float(restorer._missing(noise, level).std()) for level in (0 * sigma, sigma))
    assert told < 0.6 * untold  # what is left are colours
    assert float(restorer._missing(noise + shape, sigma)[..., 22:24, :].mean()) > 0.25
    assert float(restorer._missing(shape, 0 * sigma).mean()) == pytest.approx(float(shape.mean()), rel=0.05)


def test_smoothing_is_that_of_scipy(rng: np.random.Generator) -> None:
    picture = rng.random((20, 30), dtype=np.float32)
    ours = gaussian_smooth(torch.from_numpy(picture)[None, None], 1.0)[0, 0].numpy()
    np.testing.assert_allclose(ours, gaussian_filter(picture, 1.0, mode="nearest", truncate=3.0), atol=1e-6)
