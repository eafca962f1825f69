"""Views of a picture and the mean of what is found in them."""

from __future__ import annotations

import pytest
import torch

from restoration.models.shared.self_ensemble import counts_of, mean_of_views, turned_back, view_of


@pytest.mark.parametrize("view", range(8))
def test_every_view_is_turned_back(view: int) -> None:
    picture = torch.rand(2, 3, 5, 7)
    seen = view_of(picture, view)
    assert seen.shape == ((2, 3, 7, 5) if view % 2 else picture.shape)
    assert torch.equal(turned_back(seen, view), picture)
    enlarged = picture.repeat_interleave(3, 2).repeat_interleave(3, 3)
    assert torch.equal(turned_back(view_of(enlarged, view), view), enlarged)


def test_all_eight_views_differ() -> None:
    picture = torch.rand(1, 1, 4, 4)
    assert len({tuple(view_of(picture, view).flatten().tolist()) for view in range(8)}) == 8


def test_mean_counts_only_the_views_of_each_picture() -> None:
    def answer(places: list[int], view: int) -> torch.Tensor:
        return torch.tensor([10.0 * place + view for place in places]).reshape(-1, 1, 1, 1)

    means = mean_of_views(answer, [1, 4, 2])
    assert means.flatten().tolist() == [0.0, 10 + (0 + 1 + 2 + 3) / 4, 20 + (0 + 1) / 2]


def test_parameter_views_counts_at_least_one() -> None:
    assert counts_of([{}, {"views": 0}, {"views": 4}]) == [1, 1, 4]
