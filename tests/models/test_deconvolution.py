"""Deconvolution: operators that are what they say, and pictures that come out sharper."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d
from torch import Tensor

from restoration.algorithms.convolution import Canvas, CircularBlur, defocus_kernel, gaussian_kernel, kernel_of
from restoration.degradations.blur import motion_kernel
from restoration.folders import weights_folder
from restoration.metrics import psnr
from restoration.models import plug_and_play
from restoration.models.deconvolution import RichardsonLucy, Wiener
from restoration.models.shared.contract import Restorer

CPU = torch.device("cpu")
SETTINGS = {
    "blur": "motion",
    "radius": 2.0,
    "length": 7.0,
    "angle": 30.0,
    "iterations": 12,
    "damping": 0.01,
    "noise_power": 0.005,
    "sigma": 1 / 255,
}
KERNELS = {
    "motion": motion_kernel(9, 25),
    "defocus": defocus_kernel(2.4),
    "gaussian": gaussian_kernel(1.3),
    "lopsided": np.array([[0, 0, 0], [0, 0.5, 0.3], [0, 0.2, 0]], np.float32),
}


@pytest.mark.parametrize("radius_px", [0.01, 0.05, 0.3, 0.5])
def test_disc_inside_of_one_pixel_is_the_identity(radius_px: float) -> None:
    np.testing.assert_array_equal(defocus_kernel(radius_px), [[1]])


@pytest.fixture(scope="module")
def photo() -> Tensor:
    """A part of scikit-image's camera man, in three equal channels, (1, 3, 96, 96)."""
    from skimage import data

    gray = torch.from_numpy(data.camera()[60:252:2, 150:342:2].astype(np.float32) / 255)
    return gray.expand(1, 3, -1, -1)


def _blurred(photo: Tensor, kernel: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return what a camera sees, whose border is blurred with what lies beyond it, and the sharp part."""
    rows, columns = (side // 2 for side in kernel.shape)
    whole = photo[0, 0].numpy()
    seen = torch.from_numpy(convolve2d(whole, kernel, mode="valid").astype(np.float32)).expand(1, 3, -1, -1)
    return seen, photo[..., rows : 96 - rows, columns : 96 - columns]


def _restored(restorer: Restorer, image: Tensor, kernel: np.ndarray, **changed: Any) -> Tensor:
    steps = restorer.steps(image, parameters={**SETTINGS, **changed}, kernel=torch.from_numpy(kernel))
    with torch.no_grad():
        fractions, answers = zip(*steps, strict=True)
    assert fractions[-1] == 1
    assert all(answer.shape == image.shape for answer in answers)
    return answers[-1]


def _db(image: Tensor, reference: Tensor) -> float:
    return psnr(image.clamp(0, 1).numpy(), reference.numpy())


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_have_sum_one_and_odd_sides(name: str) -> None:
    assert KERNELS[name].sum() == pytest.approx(1, abs=1e-5)
    assert all(side % 2 == 1 for side in KERNELS[name].shape)


@pytest.mark.parametrize("name", KERNELS)
def test_blur_is_convolution(name: str, photo: Tensor) -> None:
    seen, _ = _blurred(photo, KERNELS[name])
    blurred = CircularBlur.of(KERNELS[name], height=96, width=96, device=CPU).blur(photo)
    rows, columns = (side // 2 for side in KERNELS[name].shape)
    inner = blurred[..., rows : 96 - rows, columns : 96 - columns]
    torch.testing.assert_close(inner, seen, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", KERNELS)
def test_operator_and_adjoint_agree(name: str) -> None:
    torch.manual_seed(0)
    blur = CircularBlur.of(KERNELS[name], height=40, width=56, device=CPU)
    x, y = torch.randn(2, 1, 3, 40, 56, dtype=torch.float64)
    assert float((blur.blur(x) * y).sum()) == pytest.approx(float((x * blur.blur_adjoint(y)).sum()), rel=1e-5)


def test_closed_form_minimises_its_objective() -> None:
    torch.manual_seed(0)
    blur = CircularBlur.of(KERNELS["motion"], height=32, width=40, device=CPU)
    observed, prior = torch.rand(2, 1, 3, 32, 40)
    answer = blur.solve(observed, prior, weight=0.1).requires_grad_()
    objective = (blur.blur(answer) - observed).square().sum() + 0.1 * (answer - prior).square().sum()
    (gradient,) = torch.autograd.grad(objective, answer)
    assert float(gradient.abs().max()) < 1e-4


def test_conjugate_gradients_lower_the_objective_of_the_masked_problem(photo: Tensor) -> None:
    seen, _ = _blurred(photo, KERNELS["motion"])
    canvas = Canvas(seen, KERNELS["motion"])

    def objective(x: Tensor) -> float:
        misfit = canvas.known * (canvas.blur.blur(x) - canvas.observed)
        return float(misfit.square().sum() + 0.01 * (x - canvas.continued).square().sum())

    values = [objective(canvas.solve(canvas.continued, weight=0.01, iterations=count)) for count in range(6)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.2 * values[0]


def test_conjugate_gradients_stand_still_at_the_solution(photo: Tensor) -> None:
    canvas = Canvas(photo * 0, KERNELS["gaussian"])
    answer = canvas.solve(torch.zeros_like(canvas.continued), weight=0.1, iterations=30)
    assert torch.equal(answer, torch.zeros_like(answer))


@pytest.mark.parametrize("method", [Wiener, RichardsonLucy])
@pytest.mark.parametrize("name", KERNELS)
def test_classical_methods_sharpen(method: type[Restorer], name: str, photo: Tensor) -> None:
    seen, sharp = _blurred(photo, KERNELS[name])
    restored = _restored(method(), seen, KERNELS[name], iterations=30, damping=0.0)
    assert _db(restored, sharp) > _db(seen, sharp) + 1


def test_border_does_not_ring(photo: Tensor) -> None:
    """The outermost pixels come out about as well as the others."""
    seen, sharp = _blurred(photo, KERNELS["motion"])
    restored = _restored(RichardsonLucy(), seen, KERNELS["motion"], iterations=30)
    error = (restored - sharp).abs()[0, 0]
    border = torch.cat([error[:4].flatten(), error[-4:].flatten(), error[:, :4].flatten(), error[:, -4:].flatten()])
    assert float(border.mean()) < 2.5 * float(error.mean())


@pytest.mark.parametrize("method", [Wiener, RichardsonLucy])
@pytest.mark.parametrize("blur", [{"blur": "gaussian", "radius": 0}, {"blur": "motion", "length": 0}])
def test_no_blur_is_the_identity(method: type[Restorer], blur: dict[str, Any], photo: Tensor) -> None:
    ((fraction, answer),) = method().steps(photo, parameters={**SETTINGS, **blur})
    assert fraction == 1
    assert torch.equal(answer, photo)


def test_parameters_describe_the_kernel_and_a_given_one_goes_first() -> None:
    np.testing.assert_array_equal(kernel_of(SETTINGS, None), motion_kernel(7, 30))
    np.testing.assert_array_equal(kernel_of({**SETTINGS, "blur": "defocus"}, None), defocus_kernel(2))
    np.testing.assert_array_equal(kernel_of({**SETTINGS, "blur": "gaussian"}, None), gaussian_kernel(2))
    given = torch.full((3, 3), 1 / 9)
    np.testing.assert_array_equal(kernel_of(SETTINGS, given), given.numpy())


def test_denoiser_prior_beats_the_classical_methods(photo: Tensor) -> None:
    kernel = KERNELS["motion"]
    seen, sharp = _blurred(photo, kernel)
    noisy = seen + 0.01 * torch.randn(1, 1, *seen.shape[2:], generator=torch.Generator().manual_seed(0))
    prior = plug_and_play.build_deblur(
        config={"blocks": 2, "slopes": False},
        weights={"net": weights_folder() / "resunet-photo.safetensors"},
        parameters={},
    )
    ours = _db(_restored(prior, noisy, kernel, sigma=0.01, iterations=8), sharp)
    theirs = [_db(_restored(method(), noisy, kernel, iterations=20), sharp) for method in (Wiener, RichardsonLucy)]
    assert ours > max(theirs) + 1.5
