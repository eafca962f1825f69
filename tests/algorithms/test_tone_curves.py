"""Tone curves: their ends, their order, their hues, and the search for a brightness."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from restoration.algorithms.tone_curves import (
    Curves,
    apply_curves,
    balance_colours,
    brightness,
    fit_curves,
    flat_curves,
    guide_of,
    luma_of,
    offset_for,
    without_turning,
)

STRENGTHS = [(slope, offset) for slope in (-0.8, -0.3, 0.0, 0.5) for offset in (-2.0, 0.0, 1.5, 4.4)]


def _levels(count: int) -> Tensor:
    """Return `count` pictures of one gray pixel each, from black to white."""
    return torch.linspace(0, 1, count).reshape(-1, 1, 1, 1).expand(-1, 3, -1, -1)


def _neutral(side_px: int) -> dict[str, Tensor]:
    return {"chroma": torch.zeros(1, 1, side_px, side_px), "balance": torch.zeros(1, 3, side_px, side_px)}


def _even(image: Tensor, slope: float, offset: float) -> Curves:
    flat = flat_curves(image)
    return replace(flat, slope=flat.slope + slope, offset=flat.offset + offset)


@pytest.mark.parametrize(("slope", "offset"), STRENGTHS)
def test_curve_runs_from_black_to_white_and_never_folds(slope: float, offset: float) -> None:
    levels = _levels(256)
    lifted = apply_curves(levels, _even(levels, slope, offset))[0][:, 0, 0, 0]
    assert float(lifted[0]) == 0
    assert float(lifted[-1]) == pytest.approx(1, abs=1e-6)
    assert bool((lifted.diff() >= 0).all())


@pytest.mark.parametrize(("slope", "offset"), STRENGTHS)
def test_no_level_below_white_becomes_white_in_eight_bits(slope: float, offset: float) -> None:
    levels = _levels(256)[:-1]
    lifted, _ = apply_curves(levels, _even(levels, slope, offset))
    assert float((lifted * 255).round().max()) <= 254


def test_all_colours_grow_by_one_factor(rng: np.random.Generator) -> None:
    image = torch.from_numpy(rng.random((2, 3, 8, 8), dtype=np.float32))
    lifted, factor = apply_curves(image, _even(image, -0.4, 1.0))
    torch.testing.assert_close(lifted, image * factor)


def test_chroma_grows_less_while_hue_and_luma_stay(rng: np.random.Generator) -> None:
    image = torch.from_numpy(rng.random((1, 3, 16, 16), dtype=np.float32)) * 0.3
    vivid = _even(image, -0.2, 1.5)
    lively, _ = apply_curves(image, vivid)
    calm, _ = apply_curves(image, replace(vivid, chroma=vivid.chroma - 0.3))
    torch.testing.assert_close(luma_of(calm), luma_of(lively))
    hues = [
        cv2.cvtColor(each[0].permute(1, 2, 0).contiguous().numpy(), cv2.COLOR_RGB2HSV)[..., 0] for each in (image, calm)
    ]
    assert np.abs((hues[0] - hues[1] + 180) % 360 - 180).max() < 0.5
    assert bool((calm.amax(dim=1) - calm.amin(dim=1) < lively.amax(dim=1) - lively.amin(dim=1)).all())


def test_flat_curves_change_nothing(rng: np.random.Generator) -> None:
    image = torch.from_numpy(rng.random((2, 3, 8, 8), dtype=np.float32))
    lifted, factor = apply_curves(image, flat_curves(image))
    assert torch.equal(lifted, image)
    assert bool((factor == 1).all())


def _hues(image: Tensor) -> Tensor:
    """Directions of the colours from gray of the same luma."""
    return functional.normalize(image / luma_of(image) - 1, dim=1)


def test_balance_of_places_takes_colour_away_but_turns_no_hue() -> None:
    door = torch.tensor([54.0, 77.0, 94.0]).reshape(1, 3, 1, 1).expand(-1, -1, 48, 48) / 255
    greener = torch.zeros(1, 3, 48, 48)
    greener[..., :24] = torch.tensor([0.3, 0.25, -0.35]).reshape(1, 3, 1, 1)  # takes more blue than the door has
    told = without_turning(door, greener)
    evenly = balance_colours(door, greener.mean(dim=(2, 3), keepdim=True))
    left, right = balance_colours(door, told)[..., 8:16], balance_colours(door, told)[..., 32:40]
    alike = (_hues(left) * _hues(evenly[..., :8])).sum(dim=1)
    colour = (left / luma_of(left) - 1).norm(dim=1)
    assert bool(((alike > 0.99) | (colour < 0.01)).all())
    naively = balance_colours(door, greener)[..., 8:16]
    assert float((_hues(naively) * _hues(evenly[..., :8])).sum(dim=1).max()) < 0.9
    torch.testing.assert_close(luma_of(left), luma_of(naively), atol=2e-3, rtol=0)
    assert float((_hues(right) * _hues(evenly[..., :8])).sum(dim=1).min()) > 0.99


def test_even_balance_stays(rng: np.random.Generator) -> None:
    image = torch.from_numpy(rng.uniform(0.05, 0.9, (1, 3, 24, 24)).astype(np.float32))
    image = functional.interpolate(image[..., :4, :4], (24, 24), mode="bilinear")
    even = torch.tensor([0.2, 0.0, -0.2]).reshape(1, 3, 1, 1).expand(-1, -1, 24, 24)
    torch.testing.assert_close(without_turning(image, even), even, atol=1e-3, rtol=0)


@pytest.mark.parametrize("wanted", [0.05, 0.3, 0.46, 0.7])
def test_search_finds_the_wanted_brightness(wanted: float, rng: np.random.Generator) -> None:
    image = torch.from_numpy(rng.random((2, 1, 16, 16), dtype=np.float32)).expand(-1, 3, -1, -1) ** 3
    curves = _even(image, -0.2, 0.3)
    lifted, _ = apply_curves(image, curves.raised(offset_for(image, curves, torch.full((2, 1, 1, 1), wanted))))
    torch.testing.assert_close(brightness(lifted).flatten(), torch.full((2,), wanted), atol=2e-3, rtol=0)


def test_even_gain_is_fitted_exactly(rng: np.random.Generator) -> None:
    guide = guide_of(torch.from_numpy(rng.random((1, 1, 12, 12), dtype=np.float32)))
    curves = fit_curves(guide, torch.full_like(guide, 0.7), **_neutral(12))
    torch.testing.assert_close(curves.slope, torch.zeros_like(guide), atol=1e-4, rtol=0)
    torch.testing.assert_close(curves.offset, torch.full_like(guide, 0.7), atol=1e-4, rtol=0)


def test_fitted_gain_follows_an_edge_of_the_guide() -> None:
    highest = torch.full((1, 1, 16, 16), 0.05)
    highest[..., 8:] = 0.8
    guide = guide_of(highest)
    wanted = -0.5 * guide
    curves = fit_curves(guide, wanted, **_neutral(16))
    fitted = curves.slope * guide + curves.offset
    assert float((fitted - wanted).abs().max()) < 0.15 * float(wanted.max() - wanted.min())


def test_sixteen_bit_ramp_shows_no_bands() -> None:
    ramp = (torch.arange(400, 1400) / 65535).reshape(1, 1, 1, -1).expand(-1, 3, 8, -1)
    lifted, _ = apply_curves(ramp, _even(ramp, -0.3, 2.5))
    assert bool((lifted[0, 0, 0].diff() > 0).all())


def test_gradients_know_that_the_search_undoes_an_even_lift(rng: np.random.Generator) -> None:
    image = torch.from_numpy(rng.random((1, 3, 12, 12), dtype=np.float32)) * 0.3
    wanted = torch.full((1, 1, 1, 1), 0.45)
    even = torch.zeros(1, 1, 1, 1, requires_grad=True)
    curves = flat_curves(image).raised(even)
    lifted, _ = apply_curves(image, curves.raised(offset_for(image, curves, wanted)))
    (slope,) = torch.autograd.grad(lifted[:, 0].square().sum(), even)
    raised, _ = apply_curves(
        image, flat_curves(image).raised(even + offset_for(image, flat_curves(image), wanted).detach())
    )
    (without,) = torch.autograd.grad(raised[:, 0].square().sum(), even)
    assert abs(float(slope)) < 0.01 * abs(float(without))
