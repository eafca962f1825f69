"""The contextual attention layer: copies features and detail from known places to holes they fit.

Reference:
    Yu et al., Generative Image Inpainting with Contextual Attention, 2018, arXiv:1801.07892.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

RATE = 2  # the layer compares at this fraction of the size that it is given
_PATCH = 3
_REACH = 1  # of the fuse step
_SCALE = 10.0
_ROUNDS, _AGREEMENT = 8, 4.0
"""How often neighbours hear of one another, and what one of them that copies alike counts beside `_SCALE` of scores."""


def attend(features: Tensor, mask: Tensor, values: Tensor | None = None, *, copies: bool = False) -> Tensor:
    """Rebuild features from those of their own patches that are completely known.

    At half the size, every 3x3 patch is compared with every known one by the cosine of their angle. The scores of
    neighbours that match neighbours are summed, first along rows, then along columns (fuse), and a softmax of ten
    times the sums weighs the known patches; of these, 4x4 at full size, the answer is put together, overlaps averaged.

    Args:
        features: (B, C, H, W), H and W even.
        mask: (B, 1, H, W), 1 = lost. Where no patch is wholly known, all count as known.
        values: (B, K, H, W), what is put together instead of the features that are compared.
        copies: let lost neighbours agree from where to copy, and take of the known patches only the best for each;
            gradients are those of the softmax.

    Returns:
        (B, K, H, W), the type of `features`; K is C without `values`.
    """
    values = features if values is None else values
    batch, _, height, width = features.shape
    rows, columns = height // RATE, width // RATE
    with torch.autocast(features.device.type, enabled=False):  # the softmax sharpens what bfloat16 rounds away
        exact = features.float()
        patches = functional.unfold(exact[:, :, ::RATE, ::RATE], _PATCH, padding=_PATCH // 2)
        directions = functional.normalize(patches, dim=1, eps=1e-4)
        scores = directions.transpose(1, 2) @ directions
        scores = _fused(scores.reshape(batch, rows, columns, rows, columns)).reshape(scores.shape)
        allowed = (_SCALE * scores).masked_fill(~_known_patches(mask), -torch.inf)
        weights = allowed.softmax(dim=2)
        if copies:
            weights = _best_alone(_agreed(weights, allowed, mask))
        layout = {"kernel_size": 2 * RATE, "stride": RATE, "padding": RATE // 2}
        pieces = functional.unfold(values.float(), **layout) @ weights.transpose(1, 2)
        covered = functional.fold(torch.ones_like(pieces[:1]), (height, width), **layout)
        return (functional.fold(pieces, (height, width), **layout) / covered).to(features.dtype)


def _agreed(weights: Tensor, allowed: Tensor, mask: Tensor) -> Tensor:
    """Return weights (B, patches, patches), stronger where neighbouring holes agree on the same offset.

    Args:
        weights: softmax of `allowed`.
        allowed: scores, minus infinity where nothing is to be copied from.
        mask: as `attend` takes it.
    """
    lost = functional.max_pool2d(mask.float(), RATE)
    heard = functional.max_pool2d(lost, 3, stride=1, padding=1)
    agreed = weights.clone()
    for place, (known, scores) in enumerate(zip(weights, allowed, strict=True)):
        rows, columns = heard[place, 0].flatten().nonzero()[:, 0], scores[0].isfinite().nonzero()[:, 0]
        pairs = (rows[:, None], columns)
        agreed[(place, *pairs)] = _heard(known[pairs], scores[pairs], lost[place, 0], rows, columns)
    return agreed


def _heard(weights: Tensor, allowed: Tensor, lost: Tensor, asking: Tensor, giving: Tensor) -> Tensor:
    """Return `weights` after the rounds of propagation between neighbours.

    Args:
        weights: (asking, giving).
        allowed: scores, (asking, giving).
        lost: 1 where a patch is lost, (H, W); only those are heard.
        asking: numbers of patches that are lost or beside lost ones.
        giving: numbers of patches to copy from.
    """
    steps = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)]
    beside = [(_beside(asking, step, lost.shape), _beside(giving, step, lost.shape)) for step in steps]
    speaks = lost.flatten()[asking, None]
    for _ in range(_ROUNDS):
        said = functional.pad(weights * speaks, (0, 1, 0, 1))  # what lies outside says nothing
        around = sum(said.index_select(0, rows).index_select(1, columns) for rows, columns in beside)
        weights = (allowed + _AGREEMENT * around).softmax(dim=1)
    return weights


def _beside(patches: Tensor, step: tuple[int, int], shape: torch.Size) -> Tensor:
    """Return the index of each patch's neighbour in the list of patches; the length of the list for none."""
    height, width = shape
    places = torch.full((height + 2, width + 2), len(patches), device=patches.device)
    rows, columns = patches // width + 1, patches % width + 1
    places[rows, columns] = torch.arange(len(patches), device=patches.device)
    return places[rows + step[0], columns + step[1]]


def _best_alone(weights: Tensor) -> Tensor:
    """Return 1 for the largest weight of each row, else 0, with a straight-through gradient."""
    best = torch.zeros_like(weights).scatter_(2, weights.argmax(dim=2, keepdim=True), 1.0)
    return best + weights - weights.detach()


def _fused(scores: Tensor) -> Tensor:
    """Sum the scores of (B, y, x, v, u) along the diagonals (x, u), then along (y, v), one step to either side."""
    for dims in ((2, 4), (1, 3)):
        total = scores
        for step in range(1, _REACH + 1):
            total = total + _shifted(scores, dims, step) + _shifted(scores, dims, -step)
        scores = total
    return scores


def _shifted(scores: Tensor, dims: tuple[int, int], step: int) -> Tensor:
    """Return scores[..., x + step, ..., u + step], zero where either leaves the picture."""
    shifted = torch.zeros_like(scores)
    source, target = [slice(None)] * scores.ndim, [slice(None)] * scores.ndim
    for dim in dims:
        source[dim] = slice(step, None) if step > 0 else slice(None, step)
        target[dim] = slice(None, -step) if step > 0 else slice(-step, None)
    shifted[tuple(target)] = scores[tuple(source)]
    return shifted


def _known_patches(mask: Tensor) -> Tensor:
    """Tell for each patch at half the size whether it is completely known, (B, 1, patches)."""
    lost = functional.max_pool2d(mask.float(), RATE)
    is_known = functional.max_pool2d(lost, _PATCH, stride=1, padding=_PATCH // 2).flatten(2) < 0.5
    return is_known | ~is_known.any(dim=2, keepdim=True)
