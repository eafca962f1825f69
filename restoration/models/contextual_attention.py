"""Inpainting in two stages: a coarse fill, then a finer one that may copy texture from anywhere in the picture.

The shape is that of the paper, at small width, with two changes so that a short training suffices: both stages correct
what they are given, the first the smoothest fill through the holes' rims, the second that of the first; and pictures
are folded to half their size before the first convolution and unfolded after the last.

Reference:
    Yu et al., Generative Image Inpainting with Contextual Attention, 2018, arXiv:1801.07892.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.models.base import Contract, load_network, load_state
from restoration.models.fill_unet import FillRestorer
from restoration.types import Parameters

_PATCH = 3
_RATE = 2
_REACH = 1  # of the fuse step
_SCALE = 10.0


def attend(features: Tensor, mask: Tensor) -> Tensor:
    """Rebuild features from those patches of themselves that are wholly known.

    At half the size, every 3x3 patch is compared with every known one by the cosine of their angle. The scores of
    neighbours that match neighbours are summed, first along rows, then along columns (fuse), and a softmax of ten
    times the sums weighs the known patches; of these, 4x4 at full size, the answer is put together, overlaps averaged.

    Args:
        features: (B, C, H, W), H and W even.
        mask: (B, 1, H, W), 1 = lost. Where no patch is wholly known, all count as known.

    Returns:
        (B, C, H, W), the type of `features`.
    """
    batch, _, height, width = features.shape
    rows, columns = height // _RATE, width // _RATE
    with torch.autocast(features.device.type, enabled=False):  # the softmax sharpens what bfloat16 rounds away
        exact = features.float()
        patches = functional.unfold(exact[:, :, ::_RATE, ::_RATE], _PATCH, padding=_PATCH // 2)
        directions = functional.normalize(patches, dim=1, eps=1e-4)
        scores = directions.transpose(1, 2) @ directions
        scores = _fused(scores.reshape(batch, rows, columns, rows, columns)).reshape(scores.shape)
        weights = (_SCALE * scores).masked_fill(~_known_patches(mask), -torch.inf).softmax(dim=2)
        layout = {"kernel_size": 2 * _RATE, "stride": _RATE, "padding": _RATE // 2}
        pieces = functional.unfold(exact, **layout) @ weights.transpose(1, 2)
        covered = functional.fold(torch.ones_like(pieces[:1]), (height, width), **layout)
        return (functional.fold(pieces, (height, width), **layout) / covered).to(features.dtype)


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


class ContextualAttentionNet(nn.Module):
    """Correct the holes of (B, 3, H, W), H and W multiples of 8.

    Args:
        width: half the channels at half the size, a quarter of those at a quarter.
    """

    size_multiple = 4 * _RATE
    """Height and width must be multiples of this."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.coarse = nn.Sequential(_encoder(width), _dilated(4 * width), _decoder(4 * width, width))
        self.context = nn.Sequential(_encoder(width), _dilated(4 * width))
        self.matching = _encoder(width)
        self.matched = nn.Sequential(_convolution(4 * width, 4 * width), _convolution(4 * width, 4 * width))
        self.refine = _decoder(8 * width, width)

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
        coarse = given + self.coarse(self._folded(given, holes)).float()
        rough = torch.lerp(given, coarse, holes)
        inputs = self._folded(rough, holes)
        matched = self.matched(attend(self.matching(inputs), functional.max_pool2d(holes, 4)))
        correction = self.refine(torch.cat([self.context(inputs), matched], dim=1))
        return coarse, rough + correction.float()

    def _folded(self, picture: Tensor, mask: Tensor) -> Tensor:
        folded = functional.pixel_unshuffle(torch.cat([2 * picture - 1, mask], dim=1), 2)
        return folded.to(next(self.parameters()).dtype).contiguous(memory_format=torch.channels_last)


def _convolution(before: int, after: int, *, stride: int = 1, dilation: int = 1) -> nn.Module:
    layer = nn.Conv2d(before, after, 3, stride, padding=dilation, dilation=dilation)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # torch's own start fades out over 17 layers
    return nn.Sequential(layer, nn.ELU(inplace=True))


def _encoder(width: int) -> nn.Module:
    return nn.Sequential(
        _convolution(16, 2 * width),
        _convolution(2 * width, 2 * width),
        _convolution(2 * width, 4 * width, stride=2),
        _convolution(4 * width, 4 * width),
        _convolution(4 * width, 4 * width),
    )


def _dilated(channels: int) -> nn.Module:
    return nn.Sequential(*(_convolution(channels, channels, dilation=dilation) for dilation in (2, 4, 8, 16)))


def _decoder(channels: int, width: int) -> nn.Module:
    last = nn.Conv2d(2 * width, 12, 3, padding=1)
    nn.init.zeros_(last.weight)  # an untrained network leaves what it is given as it is
    assert last.bias is not None
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        _convolution(channels, 4 * width),
        _convolution(4 * width, 4 * width),
        nn.Upsample(scale_factor=2),
        _convolution(4 * width, 2 * width),
        _convolution(2 * width, 2 * width),
        last,
        nn.PixelShuffle(2),
    )


class ContextualAttentionRestorer(FillRestorer):
    """Fill in windows of limited size: the attention compares all places of a window with one another."""

    cell_px = 128
    whole_pixels = 384**2
    views = ()


def build(
    *, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters
) -> ContextualAttentionRestorer:
    """Build the network; `config` has its width."""
    network = ContextualAttentionNet(**config)  # type: ignore[arg-type]
    load_network(network, load_state(weights["net"]), model="the contextual attention network")
    contract = Contract(
        tiling="internal",
        is_iterative=True,
        needs_mask=True,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
    )
    return ContextualAttentionRestorer(network, contract)
