"""The mean of what a network answers to the eight views of a picture: turned by quarters, and mirrored.

Reference:
    Timofte et al., Seven Ways to Improve Example-Based Single Image Super Resolution, 2016, arXiv:1511.02228.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from restoration.models.shared.restorers import NetworkRestorer
from restoration.types import Parameters

_QUARTERS = 4


def view_of(picture: Tensor, view: int) -> Tensor:
    """Return one of the eight views, 0 to 7, of (B, C, H, W); view 0 is the picture itself, the last four are mirrored.

    A view of an odd number has height and width exchanged.
    """
    is_mirrored = view >= _QUARTERS
    return torch.rot90(picture.flip(3) if is_mirrored else picture, view % _QUARTERS, (2, 3))


def turned_back(picture: Tensor, view: int) -> Tensor:
    """Undo `view_of`, also of an enlarged picture."""
    upright = torch.rot90(picture, -(view % _QUARTERS), (2, 3))
    return upright.flip(3) if view >= _QUARTERS else upright


def counts_of(parameters: Sequence[Parameters]) -> list[int]:
    """Return how many views each picture of a batch takes: its parameter `views`, or one."""
    return [max(1, int(each.get("views", 1))) for each in parameters]


class SelfEnsembleRestorer(NetworkRestorer):
    """Base of networks that see several views of a picture; one view is one unit of work."""

    @abc.abstractmethod
    def units(
        self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None
    ) -> Iterator[tuple[float, Tensor | None]]: ...

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        *_, (_, restored) = self.units(image, parameters=parameters, mask=mask)
        assert restored is not None
        return restored


def mean_of_views(answer: Callable[[list[int], int], Tensor], counts: Sequence[int]) -> Tensor:
    """Return the mean answer of every picture of a batch over the first views of it, (B, C, H, W).

    Args:
        answer: is given the places of pictures in the batch and a view; returns, turned back, what is found in them.
        counts: how many views each picture takes, at least one.
    """
    *_, (_, mean) = view_by_view(answer, counts)
    assert mean is not None
    return mean


def view_by_view(
    answer: Callable[[list[int], int], Tensor], counts: Sequence[int]
) -> Iterator[tuple[float, Tensor | None]]:
    """Yield (share done, None) after every view but the last, then (1.0, the mean); see `mean_of_views`."""
    total = answer(list(range(len(counts))), 0)
    most = max(counts)
    for view in range(1, most):
        yield view / most, None
        places = [place for place, count in enumerate(counts) if count > view]
        total[places] += answer(places, view)
    yield 1.0, total / torch.tensor(counts, dtype=total.dtype, device=total.device).reshape(-1, 1, 1, 1)
