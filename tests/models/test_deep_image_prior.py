"""Networks fitted to one picture."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from restoration.degradations.resize import downscale
from restoration.models import deep_image_prior
from restoration.models.deep_image_prior import Denoise, Enlarge, Fill, MovingVariance, Unblock
from restoration.models.shared.contract import Restorer
from restoration.types import Parameters

WIDTHS = [8, 16]


def _parameters(**given: float) -> Parameters:
    return {"iterations": 6, "minutes": 60.0, "seed": 0, "sigma": 0.0, **given}


def _photo(side: int = 32) -> Tensor:
    from skimage import data

    pixels = data.chelsea()[100 : 100 + side, 120 : 120 + side].astype(np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()


def _noisy(image: Tensor, sigma: float) -> Tensor:
    return image + sigma * torch.randn(image.shape, generator=torch.Generator().manual_seed(1))


def _hole() -> Tensor:
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:14, 10:20] = 1
    return mask


def _last(restorer: Restorer, image: Tensor, parameters: Parameters, mask: Tensor | None = None) -> Tensor:
    *_, (fraction, answer) = restorer.steps(image, parameters=parameters, mask=mask)
    assert fraction == 1
    return answer


def _rms(difference: Tensor) -> float:
    return float(difference.square().mean().sqrt())


def test_same_seed_and_iterations_give_the_same_picture() -> None:
    image, restorer = _noisy(_photo(), 0.1), Denoise(widths=WIDTHS, learning_rate=0.01)
    first, again, other = (_last(restorer, image, _parameters(sigma=0.1, seed=seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_global_random_state_is_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    _last(Unblock(widths=WIDTHS, learning_rate=0.01), _photo(), _parameters())
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("kind", [Unblock, Fill, Enlarge])
def test_loss_falls(kind: type[deep_image_prior.DeepImagePrior]) -> None:
    restorer = kind(widths=WIDTHS, learning_rate=0.01, scale=2 if kind is Enlarge else 1)
    image, generator = _photo(), torch.Generator().manual_seed(0)
    problem = restorer.problem(image, parameters=_parameters(), mask=_hole(), generator=generator)
    fit = deep_image_prior.Fit(problem, widths=WIDTHS, learning_rate=0.01, generator=generator)
    losses = []
    for _ in range(80):
        fit.step()
        losses.append(fit.loss)
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) / 2


def test_noise_is_removed() -> None:
    image = _photo(48)
    noisy = _noisy(image, 0.1)
    restored = _last(Denoise(widths=WIDTHS, learning_rate=0.01), noisy, _parameters(sigma=0.1, iterations=80))
    assert _rms(restored - image) < 0.55 * _rms(noisy - image)


def test_input_and_target_of_the_denoiser_have_independent_noise() -> None:
    sigma, clean = 0.1, torch.full((1, 3, 256, 256), 0.5)
    noisy = _noisy(clean, sigma)
    problem = Denoise(widths=WIDTHS, learning_rate=0.01).problem(
        noisy, parameters=_parameters(sigma=sigma), mask=None, generator=torch.Generator().manual_seed(2)
    )
    sample = problem.draw()
    seen, target = ((tensor - clean).flatten() for tensor in (sample.seen, sample.target))
    assert abs(float(torch.corrcoef(torch.stack([seen, target]))[0, 1])) < 0.01  # 4 standard errors
    assert float(((seen - target).var() - sigma**2 * 2.5**2) / sigma**2) == pytest.approx(0, abs=0.1)


def test_known_pixels_stay_bit_exact() -> None:
    image = _photo()
    mask = _hole()
    for _, answer in Fill(widths=WIDTHS, learning_rate=0.01).steps(image, parameters=_parameters(), mask=mask):
        known = (mask == 0).expand_as(image)
        assert torch.equal(answer[known], image[known])


def test_moved_holes_hide_known_pixels_and_only_those_count() -> None:
    image, mask = _photo(), _hole()
    problem = Fill(widths=WIDTHS, learning_rate=0.01).problem(
        image, parameters=_parameters(), mask=mask, generator=torch.Generator().manual_seed(0)
    )
    for sample in (problem.draw() for _ in range(20)):
        hidden = sample.seen[:, 3:] > 0
        assert sample.weight is not None
        assert torch.equal(hidden, (mask > 0) | (sample.weight > 0))
        assert not (sample.weight * mask).any()
        visible = ~hidden.expand_as(image)
        assert torch.equal(sample.seen[:, :3][visible], image[visible])


def test_what_lies_in_the_hole_does_not_matter() -> None:
    image, restorer = _photo(), Fill(widths=WIDTHS, learning_rate=0.01)
    mask = _hole()
    fills = [_last(restorer, torch.where(mask > 0, value, image), _parameters(), mask) for value in (0.0, 1.0)]
    assert torch.equal(*fills)


def test_gray_picture_stays_gray() -> None:
    gray = _photo().mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    answer = _last(Unblock(widths=WIDTHS, learning_rate=0.01), gray, _parameters())
    assert torch.equal(answer[:, :1].expand_as(answer), answer)


def test_fit_ends_where_only_the_noise_is_left() -> None:
    sigma = 0.15
    image = _noisy(torch.full((1, 3, 32, 32), 0.5), sigma)
    restorer = Enlarge(widths=WIDTHS, learning_rate=0.01, scale=1)
    generator = torch.Generator().manual_seed(0)
    problem = restorer.problem(image, parameters=_parameters(sigma=sigma), mask=None, generator=generator)
    fit = deep_image_prior.Fit(problem, widths=WIDTHS, learning_rate=0.01, generator=generator)
    left = []
    while not fit.is_over and len(left) < 500:
        fit.step()
        left.append(_rms(fit.answer - image))
    assert left[-1] <= sigma < left[-2]
    assert torch.equal(_last(restorer, image, _parameters(sigma=sigma, iterations=500)), fit.answer)


def test_time_limit_ends_the_work_with_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    monkeypatch.setattr(deep_image_prior.time, "perf_counter", lambda: float(next(ticks)))  # each iteration: one second
    restorer = Unblock(widths=WIDTHS, learning_rate=0.01)
    fractions = [fraction for fraction, _ in restorer.steps(_photo(), parameters=_parameters(minutes=0.1))]
    assert fractions == pytest.approx([number / 6 for number in range(1, 7)])


def test_least_variance_is_found_between_settling_and_swinging() -> None:
    variance = MovingVariance(window=10, patience=30)
    best = 0
    for number in range(400):
        height = abs(number - 100) / 100
        if variance.add(torch.tensor([height, -height]) * (-1) ** number):
            best = number
        if variance.is_over:
            break
    assert best == pytest.approx(104, abs=1)  # a window of 10 centred on 100
    assert number == best + 30


def test_shrinking_in_the_loss_is_that_of_the_papers() -> None:
    image = 0.25 + 0.5 * _photo(48)
    restorer = Enlarge(widths=WIDTHS, learning_rate=0.01, scale=2)
    problem = restorer.problem(
        image[..., :16, :24], parameters=_parameters(), mask=None, generator=torch.Generator().manual_seed(0)
    )
    large = image[..., :32, :48]
    expected = downscale(large[0].permute(1, 2, 0).numpy(), scale=2)
    np.testing.assert_allclose(problem.damage(large)[0].permute(1, 2, 0).numpy(), expected, atol=1e-6)


def test_enlarged_picture_shrinks_to_the_original() -> None:
    small = functional.avg_pool2d(_photo(32), 2)
    restorer = Enlarge(widths=WIDTHS, learning_rate=0.01, scale=2)
    answer = _last(restorer, small, _parameters(iterations=120))
    assert answer.shape == (1, 3, 32, 32)
    assert _rms(functional.avg_pool2d(answer, 2) - small) < 0.04


def test_whole_batch_is_restored_where_gradients_are_off() -> None:
    batch = torch.cat([_photo(), _photo().flip(-1)])
    restorer = Denoise(widths=WIDTHS, learning_rate=0.01)
    parameters = _parameters(sigma=0.05, iterations=2)
    with torch.inference_mode():
        restored = restorer.restore(batch, parameters=[parameters, parameters])
    assert torch.equal(restored[1:], _last(restorer, batch[1:], parameters))
