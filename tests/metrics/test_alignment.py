"""The comparison up to a shift."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from restoration.metrics import aligned, mse


@pytest.fixture
def smooth(rng: np.random.Generator) -> np.ndarray:
    return ndimage.gaussian_filter(rng.random((48, 52)), 2)


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (-4, 4)])
def test_whole_shift_is_undone_exactly(shift: tuple[int, int], smooth: np.ndarray) -> None:
    moved, still = aligned(np.roll(smooth, shift, axis=(0, 1)), smooth, most_px=5)
    np.testing.assert_array_equal(moved, still)
    np.testing.assert_array_equal(still, smooth[5:-5, 5:-5])


def test_shift_by_parts_of_a_pixel_is_undone_nearly(smooth: np.ndarray) -> None:
    colours = np.repeat(smooth[..., None], 3, axis=2)
    moved = ndimage.shift(colours, (1.25, -0.5, 0))
    ours, theirs = aligned(moved, colours, most_px=6)
    assert mse(ours, theirs) < 1e-3 * mse(moved[6:-6, 6:-6], theirs)
