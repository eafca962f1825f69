"""Choose the width of each layer of a pruned network by how much it loses with fewer channels.

Each layer is narrowed alone first, the next one solved for what is left, and what the whole chain's answer loses by it
is measured. Channels then go, a few at a time, where least is lost per multiply-add saved. What counts is the error
between neighbouring pixels: by the squared error alone the last layers would become the narrowest, whose errors are the
smallest, but draw a mesh.

Reference:
    Li et al., Pruning Filters for Efficient ConvNets, 2017, arXiv:1608.08710 (sensitivity of each layer, measured).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.errors import InvalidRequest
from restoration.lab.training.pruning import Chain, chain_of, most_needed, solve

_STEP = 8  # what convolutions on CPUs compute at once
_LEAST_SHARE = 0.5

Losses = Sequence[Mapping[int, float]]
"""For each layer: by its width, what the whole chain's answer loses when it alone is narrowed."""


def choose_widths(
    teacher: nn.Module, pictures: Tensor, *, budget: float, moved: Callable[[int], None] = lambda _: None
) -> list[int]:
    """Return the channels of every layer but the last that a narrowed chain is to have.

    Args:
        teacher: see `narrowing.solve_layers`.
        pictures: (B, C, H, W), as it is given.
        budget: share of its multiply-adds that may be spent, in ]0, 1].
        moved: is told after each layer how many are measured.

    Raises:
        InvalidRequest: it is no such chain, or layers of half the width cost more than that.
    """
    chain = chain_of(teacher)
    *_, shuffle = teacher.modules()
    with torch.no_grad():
        losses = _losses(chain, lambda answer: _roughness(shuffle(answer)), pictures, moved)
    full = [convolution.out_channels for convolution, _ in chain]
    return cheapest(losses, full, taken=chain[0][0].in_channels, budget=budget)


def cheapest(losses: Losses, full: Sequence[int], *, taken: int, budget: float) -> list[int]:
    """Return the widths of all layers but the last after giving up channels where least is lost for what is saved.

    Args:
        full: the widths of all layers, whose losses are 0.
        taken: channels of what the first layer is given.
        budget: see `choose_widths`.

    Raises:
        InvalidRequest: the narrowest widths cost more than that.
    """
    widths = list(full)
    allowed = budget * _cost(widths, taken)
    lost = [{**each, width: 0.0} for each, width in zip(losses, full, strict=False)]
    while _cost(widths, taken) > allowed:
        best: tuple[float, list[int]] | None = None
        for place, known in enumerate(lost):
            narrower = [width for width in known if width < widths[place]]
            if not narrower:
                continue
            tried = widths.copy()
            tried[place] = max(narrower)
            saved = _cost(widths, taken) - _cost(tried, taken)
            price = (known[tried[place]] - known[widths[place]]) / saved
            if best is None or price < best[0]:
                best = price, tried
        if best is None:
            raise InvalidRequest(
                f"Layers of half the width still cost {_cost(widths, taken) / _cost(full, taken):.2f} of the teacher's "
                f"multiply-adds, more than {budget:g}; allow more."
            )
        widths = best[1]
    return widths[:-1]


def _cost(widths: Sequence[int], taken: int) -> int:
    """Return what is in proportion to the multiply-adds of a chain of convolutions of one size."""
    return sum(given * answered for given, answered in pairwise((taken, *widths)))


def _roughness(picture: Tensor) -> float:
    """Return the mean square of how far the pixels of (B, C, H, W) are from their four neighbours' mean."""
    kernel = picture.new_tensor([[0.0, -0.25, 0.0], [-0.25, 1.0, -0.25], [0.0, -0.25, 0.0]])
    planes = picture.flatten(0, 1)[:, None]
    return float(functional.conv2d(planes, kernel[None, None]).square().mean())


def _losses(
    chain: Chain, loss: Callable[[Tensor], float], pictures: Tensor, moved: Callable[[int], None]
) -> list[dict[int, float]]:
    right = _answer(chain, pictures)
    losses: list[dict[int, float]] = []
    seen = pictures
    for place, ((convolution, rectifier), (following, _)) in enumerate(pairwise(chain)):
        answer = convolution(seen)
        seen = answer if rectifier is None else rectifier(answer)
        wanted, full = following(seen), convolution.out_channels
        known: dict[int, float] = {}
        for width in range(full - _STEP, int(_LEAST_SHARE * full) - 1, -_STEP):
            kept = seen[:, most_needed(seen, following, width)]
            solved = nn.Conv2d(width, following.out_channels, 3, padding=1, device=seen.device)
            solve(solved, kept, wanted)
            rest: Chain = [(solved, chain[place + 1][1]), *chain[place + 2 :]]
            known[width] = loss(_answer(rest, kept) - right)
        losses.append(known)
        moved(place + 1)
    return losses


def _answer(chain: Chain, seen: Tensor) -> Tensor:
    for convolution, rectifier in chain:
        seen = convolution(seen)
        if rectifier is not None:
            seen = rectifier(seen)
    return seen
