"""Inpainting in two stages: a coarse fill, then a finer one that may copy texture from anywhere in the picture.

The shape is that of the paper, at small width; one thing is added, so that a short training suffices: both stages
correct what they are given, the first the smoothest fill through the holes' rims, the second the first one's.

Reference:
    Yu et al., Generative Image Inpainting with Contextual Attention, 2018, arXiv:1801.07892.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.models.base import Contract, NetworkRestorer, load_network, load_state
from restoration.models.membrane import fill_smoothly
from restoration.models.windows import cut_into_pieces, window_round
from restoration.types import Parameters

_SIZE_MULTIPLE = 8  # two halvings, and one more for the matching
_PATCH = 3
_RATE = 2
_REACH = 1  # of the fuse step
_SCALE = 10.0
_CELL_PX, _THICK_PX, _MARGIN_PX = 128, 64, 48
_LEAST_PX, _LARGEST_PX = 192, 384

_Floats = npt.NDArray[np.float32]
_Mask = npt.NDArray[np.bool_]


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
    """Fill the holes of (B, 3, H, W), H and W multiples of 8.

    Args:
        width: channels at full size; twice and four times that at a half and a quarter of it.
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.coarse = nn.Sequential(_encoder(width), _dilated(4 * width), _decoder(4 * width, width))
        self.context = nn.Sequential(_encoder(width), _dilated(4 * width))
        self.matching = _encoder(width)
        self.matched = nn.Sequential(_convolution(4 * width, 4 * width), _convolution(4 * width, 4 * width))
        self.refine = _decoder(8 * width, width)

    def forward(self, picture: Tensor, mask: Tensor) -> Tensor:
        """Return the picture with its holes filled, float32; known pixels as they were.

        Args:
            picture: (B, 3, H, W), range [0, 1], its holes filled smoothly.
            mask: (B, 1, H, W), 1 = hole.
        """
        return torch.where(mask > 0.5, self.stages(picture, mask)[-1], picture.float())

    def stages(self, picture: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the raw answers of both stages, float32; they mean something inside the holes only."""
        coarse = picture + self.coarse(self._inputs(picture, mask)).float()
        filled = torch.lerp(picture, coarse, mask)
        inputs = self._inputs(filled, mask)
        shares = functional.max_pool2d(mask, 4)
        matched = self.matched(attend(self.matching(inputs), shares))
        refined = filled + self.refine(torch.cat([self.context(inputs), matched], dim=1)).float()
        return coarse, refined

    def _inputs(self, picture: Tensor, mask: Tensor) -> Tensor:
        dtype = next(self.parameters()).dtype
        return torch.cat([2 * picture - 1, mask], dim=1).to(dtype).contiguous(memory_format=torch.channels_last)


def _convolution(before: int, after: int, *, side: int = 3, stride: int = 1, dilation: int = 1) -> nn.Module:
    layer = nn.Conv2d(before, after, side, stride, dilation * (side // 2), dilation)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # torch's own start fades out over 17 layers
    return nn.Sequential(layer, nn.ELU(inplace=True))


def _encoder(width: int) -> nn.Module:
    return nn.Sequential(
        _convolution(4, width, side=5),
        _convolution(width, 2 * width, stride=2),
        _convolution(2 * width, 2 * width),
        _convolution(2 * width, 4 * width, stride=2),
        _convolution(4 * width, 4 * width),
        _convolution(4 * width, 4 * width),
    )


def _dilated(channels: int) -> nn.Module:
    return nn.Sequential(*(_convolution(channels, channels, dilation=dilation) for dilation in (2, 4, 8, 16)))


def _decoder(channels: int, width: int) -> nn.Module:
    last = nn.Conv2d(width // 2, 3, 3, padding=1)
    nn.init.zeros_(last.weight)  # an untrained network leaves what it is given as it is
    assert last.bias is not None
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        _convolution(channels, 4 * width),
        _convolution(4 * width, 4 * width),
        nn.Upsample(scale_factor=2),
        _convolution(4 * width, 2 * width),
        _convolution(2 * width, 2 * width),
        nn.Upsample(scale_factor=2),
        _convolution(2 * width, width),
        _convolution(width, width // 2),
        last,
    )


class ContextualAttentionRestorer(NetworkRestorer):
    """Fill the holes piece by piece, each in a window of about the size that the network was trained with.

    What is filled is known to the pieces that follow; known pixels stay bit for bit. Holes too large for the largest
    window are filled at a lower resolution.
    """

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        assert mask is not None
        answers = [self._answer(picture, holes) for picture, holes in _as_arrays(image, mask)]
        return torch.stack([torch.from_numpy(answer).permute(2, 0, 1) for answer in answers]).to(image.device)

    def steps(
        self, image: Tensor, *, parameters: Parameters, mask: Tensor | None = None, kernel: Tensor | None = None
    ) -> Iterator[tuple[float, Tensor]]:
        assert mask is not None
        ((picture, holes),) = _as_arrays(image, mask)
        for fraction, answer in self._fill(picture, holes):
            yield fraction, torch.from_numpy(answer.copy()).permute(2, 0, 1)[None].to(image.device)

    def _fill(self, image: _Floats, mask: _Mask) -> Iterator[tuple[float, _Floats]]:
        """Yield (fraction done, picture filled so far)."""
        numbers, pieces = cut_into_pieces(mask, cell_px=_CELL_PX, thick_px=_THICK_PX)
        filled, unknown = image.copy(), mask.copy()
        if not pieces:
            yield 1.0, filled
        for count, piece in enumerate(pieces, start=1):
            window = window_round(piece, mask.shape, least_px=_LEAST_PX, margin_px=_MARGIN_PX)
            answer = self._answer(filled[window], unknown[window])
            own = numbers[window] == piece.number
            filled[window][own] = answer[own]
            unknown[window][own] = False
            yield count / len(pieces), filled

    def _answer(self, image: _Floats, holes: _Mask) -> _Floats:
        """Return a window with its holes filled, (H, W, 3); shrunk for the network where it is too large for it."""
        height, width = holes.shape
        factor = min(1.0, _LARGEST_PX / max(height, width))
        if factor == 1.0:
            return self._network_answer(image, holes)
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        small_holes = cv2.resize(holes.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
        small = cv2.resize(fill_smoothly(image, holes), size, interpolation=cv2.INTER_AREA)
        answer = cv2.resize(self._network_answer(small, small_holes), (width, height), interpolation=cv2.INTER_CUBIC)
        return np.where(holes[..., None], answer, image)

    def _network_answer(self, image: _Floats, holes: _Mask) -> _Floats:
        height, width = holes.shape
        below, right = -height % _SIZE_MULTIPLE, -width % _SIZE_MULTIPLE
        padded_holes = np.pad(holes, ((0, below), (0, right)), mode="symmetric")
        padded = np.pad(fill_smoothly(image, holes), ((0, below), (0, right), (0, 0)), mode="symmetric")
        device = next(self.network.parameters()).device
        picture = torch.from_numpy(padded).permute(2, 0, 1)[None].to(device)
        mask = torch.from_numpy(padded_holes.astype(np.float32))[None, None].to(device)
        answer: _Floats = self.network(picture, mask)[0, :, :height, :width].permute(1, 2, 0).cpu().numpy()
        return np.where(holes[..., None], answer, image)


def _as_arrays(image: Tensor, mask: Tensor) -> list[tuple[_Floats, _Mask]]:
    pictures = image.float().permute(0, 2, 3, 1).cpu().numpy()
    holes = mask[:, 0].cpu().numpy() > 0.5
    return [(np.ascontiguousarray(picture), hole) for picture, hole in zip(pictures, holes, strict=True)]


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
