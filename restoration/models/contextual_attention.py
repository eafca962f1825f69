"""Inpainting in two stages: a coarse fill, then a finer one that may copy texture from anywhere in the picture.

The coarse stage is the built-in inpainting's network with its weights; the finer one has the paper's two branches at
small width. What the paper's stage learns in days against two critics, this one cannot learn in an hour of a CPU, so it
is not let invent: all detail in a hole is copied from where the attention points, and the network says where that is,
how much of it to take and how colours change. A soft coarse fill resembles many places equally, so that the paper's
attention would take the mean of all, which is flat, or one patch again and again. Therefore neighbours agree first:
places that copy from places that lie alike strengthen one another, and then each takes one patch. No place gets
stronger detail than what is known around it has.

Reference:
    Yu et al., Generative Image Inpainting with Contextual Attention, 2018, arXiv:1801.07892;
    Yi et al., Contextual Residual Aggregation for Ultra High-Resolution Image Inpainting, 2020, arXiv:2005.09704
    (detail alone is copied).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.models.base import Contract, load_network, load_state
from restoration.models.fill_unet import DilatedBlock, FillRestorer, FillUNet
from restoration.models.layers import ResidualBlock
from restoration.models.smoothing import gaussian_smooth
from restoration.types import Parameters

_FOLD = 4  # the finer stage compares at a quarter of the size
_PATCH = 3
_RATE = 2
_REACH = 1  # of the fuse step
_SCALE = 10.0
_ROUNDS, _AGREEMENT = 8, 4.0
"""How often neighbours hear of one another, and what one of them that copies alike counts beside `_SCALE` of scores."""
_DETAIL_PX = 4.0  # deviation of the Gaussian that takes away what is not detail
_FIRST_SHARE = 0.5
_NEAR_PX = (8.0, 16.0, 32.0, 64.0)
_LEAST_ENERGY = 1e-6


def attend(features: Tensor, mask: Tensor, values: Tensor | None = None, *, copies: bool = False) -> Tensor:
    """Rebuild features from those patches of themselves that are wholly known.

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
    rows, columns = height // _RATE, width // _RATE
    with torch.autocast(features.device.type, enabled=False):  # the softmax sharpens what bfloat16 rounds away
        exact = features.float()
        patches = functional.unfold(exact[:, :, ::_RATE, ::_RATE], _PATCH, padding=_PATCH // 2)
        directions = functional.normalize(patches, dim=1, eps=1e-4)
        scores = directions.transpose(1, 2) @ directions
        scores = _fused(scores.reshape(batch, rows, columns, rows, columns)).reshape(scores.shape)
        allowed = (_SCALE * scores).masked_fill(~_known_patches(mask), -torch.inf)
        weights = allowed.softmax(dim=2)
        if copies:
            weights = _best_alone(_agreed(weights, allowed, mask))
        layout = {"kernel_size": 2 * _RATE, "stride": _RATE, "padding": _RATE // 2}
        pieces = functional.unfold(values.float(), **layout) @ weights.transpose(1, 2)
        covered = functional.fold(torch.ones_like(pieces[:1]), (height, width), **layout)
        return (functional.fold(pieces, (height, width), **layout) / covered).to(features.dtype)


def _agreed(weights: Tensor, allowed: Tensor, mask: Tensor) -> Tensor:
    """Return weights (B, patches, patches) among which lost neighbours with one and the same way to copy are stronger.

    Args:
        weights: softmax of `allowed`.
        allowed: scores, minus infinity where nothing is to be copied from.
        mask: as `attend` takes it.
    """
    lost = functional.max_pool2d(mask.float(), _RATE)
    heard = functional.max_pool2d(lost, 3, stride=1, padding=1)
    agreed = weights.clone()
    for place, (known, scores) in enumerate(zip(weights, allowed, strict=True)):
        rows, columns = heard[place, 0].flatten().nonzero()[:, 0], scores[0].isfinite().nonzero()[:, 0]
        pairs = (rows[:, None], columns)
        agreed[(place, *pairs)] = _heard(known[pairs], scores[pairs], lost[place, 0], rows, columns)
    return agreed


def _heard(weights: Tensor, allowed: Tensor, lost: Tensor, asking: Tensor, giving: Tensor) -> Tensor:
    """Return `weights` after the rounds in which neighbours hear of one another.

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
    """Return where in a list of patches of a picture the neighbour of each one stands; its length for none."""
    height, width = shape
    places = torch.full((height + 2, width + 2), len(patches), device=patches.device)
    rows, columns = patches // width + 1, patches % width + 1
    places[rows, columns] = torch.arange(len(patches), device=patches.device)
    return places[rows + step[0], columns + step[1]]


def _best_alone(weights: Tensor) -> Tensor:
    """Return 1 for the largest weight of each row, else 0; the gradient passes as if nothing had happened."""
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
    """Tell of each patch at half the size whether it is wholly known, (B, 1, patches)."""
    lost = functional.max_pool2d(mask.float(), _RATE)
    is_known = functional.max_pool2d(lost, _PATCH, stride=1, padding=_PATCH // 2).flatten(2) < 0.5
    return is_known | ~is_known.any(dim=2, keepdim=True)


class ContextualAttentionNet(FillUNet):
    """Correct the holes of (B, 3, H, W), H and W multiples of 8: `FillUNet` first, then a finer stage.

    Args:
        width: channels of the finer stage at half the size; twice as many at a quarter.
        coarse: arguments of `FillUNet`.
    """

    def __init__(self, width: int = 32, **coarse: Any) -> None:
        super().__init__(**coarse)
        self.fine = FineStage(width)

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return math.lcm(super().size_multiple, FineStage.size_multiple)

    def forward(self, filled: Tensor, mask: Tensor) -> Tensor:
        """Return what to subtract from the filled picture, (B, 3, H, W) float32; it means something in the holes only.

        Args:
            filled: (B, 3, H, W), range [0, 1]; the picture, its holes filled smoothly or by a coarser pass.
            mask: (B, 1, H, W), 1 = hole.
        """
        return filled.float() - self.stages(filled, mask)[-1]

    def stages(self, picture: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pictures that both stages make of a filled one, float32; see `forward`."""
        given, holes = picture.float(), mask.float()
        coarse = given - super().forward(picture, mask).float()
        rough = torch.lerp(given, coarse, holes)
        return coarse, rough + self.fine(rough, holes).float()


class FineStage(nn.Module):
    """Return what has to be added to the holes of (B, 3, H, W), H and W multiples of 8, after a coarse fill.

    One branch sees far by dilated convolutions, the other puts features and detail of known parts into the holes; both
    work at a quarter of the size. They tell how much of the detail to add, and a change of colours without detail.

    Args:
        width: channels at half the size; twice as many at a quarter.
    """

    size_multiple = 4 * _RATE

    def __init__(self, width: int) -> None:
        super().__init__()
        deep = 2 * width
        self.head = nn.Conv2d(4 * (3 + 1), width, 3, padding=1)
        self.encoder = ResidualBlock(width, bias=True, slopes=True)
        self.down = nn.Conv2d(width, deep, 3, stride=2, padding=1)
        self.slopes = nn.Parameter(torch.zeros(deep))
        self.context = nn.Sequential(*(DilatedBlock(deep, dilation, slopes=True) for dilation in (1, 2, 4, 8)))
        self.matching = nn.Conv2d(deep, deep, 3, padding=1)
        self.matched = nn.Conv2d(deep + 3 * _FOLD**2, deep, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(deep, bias=True, slopes=True) for _ in range(2)))
        self.tail = nn.Conv2d(deep, 3 + 1, 3, padding=1)
        nn.init.zeros_(self.tail.weight)  # an untrained stage adds half of the detail everywhere
        with torch.no_grad():
            self.tail.bias.copy_(torch.tensor([0.0, 0.0, 0.0, _FIRST_SHARE]))  # type: ignore[union-attr]

    def forward(self, rough: Tensor, mask: Tensor) -> Tensor:
        """Args: rough: (B, 3, H, W) float32, its holes filled coarsely; mask: (B, 1, H, W), 1 = hole."""
        dtype = self.head.weight.dtype
        told = functional.pixel_unshuffle(torch.cat([2 * rough - 1, mask], dim=1), 2)
        fine = self.encoder(self.head(told.to(dtype).contiguous(memory_format=torch.channels_last)))
        deep = functional.prelu(self.down(fine), self.slopes)
        detail = rough - gaussian_smooth(rough, _DETAIL_PX)
        values = torch.cat([deep, functional.pixel_unshuffle(detail, _FOLD).to(dtype)], dim=1)
        known = attend(self.matching(deep), functional.max_pool2d(mask, _FOLD), values, copies=True)
        copied = functional.pixel_shuffle(known[:, deep.shape[1] :], _FOLD).float()
        copied = copied * plausible_share(copied, detail, mask)
        deep = self.body(self.context(deep) + self.matched(known))
        told = functional.interpolate(self.tail(deep), scale_factor=_FOLD, mode="bilinear")
        return told[:, :3] + told[:, 3:] * copied


def plausible_share(copied: Tensor, detail: Tensor, mask: Tensor) -> Tensor:
    """Return how much of copied detail is as strong as what is known around, (B, 1, H, W), range [0, 1].

    Near places count most, so that a sky that is clear at the hole's rim gets little texture, whatever resembled it.

    Args:
        copied: (B, 3, H, W), what was copied to every place.
        detail: (B, 3, H, W), what is there; only what is known counts.
        mask: (B, 1, H, W), 1 = lost.
    """
    known = 1 - mask
    energy = detail.square().mean(dim=1, keepdim=True) * known
    found, weight = torch.zeros_like(mask), torch.zeros_like(mask)
    for near_px in _NEAR_PX:  # their sum falls like the cube of the distance
        both = _widely_smoothed(torch.cat([energy, known], dim=1), near_px) / near_px**3
        found, weight = found + both[:, :1], weight + both[:, 1:]
    wanted = found / weight.clamp_min(_LEAST_ENERGY)
    there = _widely_smoothed(copied.square().mean(dim=1, keepdim=True), _NEAR_PX[0])
    share = ((wanted + _LEAST_ENERGY) / (there + _LEAST_ENERGY)).sqrt().clamp(max=1)
    return torch.where(weight > _LEAST_ENERGY, share, 1.0)


def _widely_smoothed(image: Tensor, deviation_px: float) -> Tensor:
    """Smooth (B, C, H, W), H and W multiples of `_FOLD`, by a Gaussian of many pixels, at a quarter of the size."""
    small = gaussian_smooth(functional.avg_pool2d(image, _FOLD), deviation_px / _FOLD)
    return functional.interpolate(small, size=image.shape[2:], mode="bilinear")


class ContextualAttentionRestorer(FillRestorer):
    """Fill in windows of limited size: the attention compares all places of a window with one another."""

    cell_px = 128
    whole_pixels = 512**2
    views = ()


def build(
    *, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters
) -> ContextualAttentionRestorer:
    """Build the network from the weights of its stages, which have the roles "coarse" and "fine"."""
    network = ContextualAttentionNet(**config)  # type: ignore[arg-type]
    state = {**load_state(weights["coarse"]), **load_state(weights["fine"])}
    load_network(network, state, model="the contextual attention network")
    contract = Contract(
        tiling="internal",
        is_iterative=True,
        needs_mask=True,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
    )
    return ContextualAttentionRestorer(network, contract)
