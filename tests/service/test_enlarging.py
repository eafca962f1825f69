"""Which passes lead to a size."""

from __future__ import annotations

import re

import numpy as np
import pytest

from restoration.errors import InvalidParameter
from restoration.service.enlarging import consistency_db, peak_factor, plan_enlargement, resampled


@pytest.mark.parametrize(
    ("scales", "factor", "passes"),
    [
        ((2, 4), 2, (2,)),
        ((2, 4), 1.5, (2,)),
        ((2, 4), 3, (4,)),
        ((2, 4), 4, (4,)),
        ((2, 4), 6, (4, 2)),
        ((2, 4), 8, (4, 2)),
        ((4,), 8, (4, 4)),
        ((2,), 4, (2, 2)),
        ((2,), 8, (2, 2)),
        ((1,), 3, (1,)),
        ((4,), 1, (4,)),
    ],
)
def test_fewest_passes_that_reach_the_factor(scales: tuple[int, ...], factor: float, passes: tuple[int, ...]) -> None:
    plan = plan_enlargement(scales, {"scale": factor}, width=30, height=20)
    assert plan.passes == passes
    assert (plan.width, plan.height) == (round(30 * factor), round(20 * factor))


def test_peak_is_the_largest_picture_on_the_way() -> None:
    assert peak_factor((4,), {"scale": 2}) == 4
    assert peak_factor((2,), {"scale": 8}) == 8


def test_resampling_keeps_a_flat_picture_and_the_size_that_fits() -> None:
    flat = np.full((20, 30, 3), 0.3, np.float32)
    np.testing.assert_allclose(resampled(flat, width=47, height=13), 0.3, atol=1e-6)
    assert resampled(flat, width=30, height=20) is flat


def test_repeated_pixels_are_fully_consistent(rng: np.random.Generator) -> None:
    flat = np.full((8, 8, 3), 0.25, np.float32)
    assert consistency_db(flat.repeat(4, axis=0).repeat(4, axis=1), flat) == pytest.approx(99.9)
    noise = rng.random((8, 8, 3), dtype=np.float32)
    assert consistency_db(1 - noise.repeat(4, axis=0).repeat(4, axis=1), noise) < 15


@pytest.mark.parametrize(("width", "height"), [(1054, 1000), (333, 77), (4000, 3001)])
def test_limits_that_a_message_names_are_accepted(width: int, height: int) -> None:
    with pytest.raises(InvalidParameter) as caught:
        plan_enlargement([2, 4], {"megapixels": 1e-4}, width=width, height=height)
    least, most = re.findall(r"from ([\d.]+) to ([\d.]+)", str(caught.value))[0]
    for megapixels in (least, most):
        plan_enlargement([2, 4], {"megapixels": float(megapixels)}, width=width, height=height)
