from __future__ import annotations

import typing

import cv2
import numpy as np
import pytest

from restoration.degradations.masks import LEAST_SHARE, MOST_SHARE, Kind, draw_holes, draw_kind, draw_wide_holes

KINDS = typing.get_args(Kind)


@pytest.mark.parametrize("kind", KINDS)
def test_seed_repeats_a_mask_that_covers_the_share(kind: Kind) -> None:
    first, second, other = (
        draw_kind(128, 160, rng=np.random.default_rng(seed), kind=kind, share=0.05) for seed in (4, 4, 5)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    assert 0.05 <= first.mean() <= 0.15


@pytest.mark.parametrize("share", [LEAST_SHARE, MOST_SHARE])
@pytest.mark.parametrize("kind", KINDS)
def test_smallest_and_largest_shares_can_be_drawn(kind: Kind, share: float, rng: np.random.Generator) -> None:
    assert share <= draw_kind(192, 192, rng=rng, kind=kind, share=share).mean() <= share + 0.16


def test_hair_thin_scratches_and_thick_strokes_both_occur(rng: np.random.Generator) -> None:
    shares = [draw_holes(96, 96, rng=rng).mean() for _ in range(120)]
    assert min(shares) < 0.01
    assert 0.25 < max(shares) <= 1.3 * MOST_SHARE


@pytest.mark.parametrize("size", [(1, 2), (3, 3), (8, 40)])
def test_small_pictures_have_damaged_and_sound_pixels(size: tuple[int, int]) -> None:
    for seed in range(30):
        mask = draw_holes(*size, rng=np.random.default_rng(seed))
        assert mask.any()
        assert not mask.all()


def test_wide_holes_are_wide_and_leave_most_of_the_picture(rng: np.random.Generator) -> None:
    masks = [draw_wide_holes(128, 128, rng=rng) for _ in range(60)]
    depths = [cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3).max() for mask in masks]
    assert min(depths) > 2
    assert np.median(depths) > 8
    assert 0.05 <= min(mask.mean() for mask in masks) < max(mask.mean() for mask in masks) < 0.62


def test_thin_damage_covers_the_share_that_is_asked_for() -> None:
    few, many = (
        np.median([draw_holes(96, 96, rng=np.random.default_rng(seed), thin_share=share).mean() for seed in range(60)])
        for share in ((0.003, 0.01), (0.2, 0.25))
    )
    assert few < 0.1 < 0.18 < many
