"""Salt-and-pepper removal that touches only the damaged samples.

Reference:
    Hwang & Haddad, Adaptive Median Filters: New Algorithms and Results, 1995, doi:10.1109/83.370679 (growing windows);
    Esakkirajan et al., Removal of High Density Salt and Pepper Noise Through Modified Decision Based Unsymmetric
    Trimmed Median Filter, 2011, doi:10.1109/LSP.2011.2122333 (median of the undamaged neighbours only).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from restoration.arrays import FloatArray, Mask
from restoration.models.shared.contract import Contract, Restorer
from restoration.types import Parameters

_RADII_PX = (1, 2, 3, 4)
_EXTREME = 0.5 / 255
_SATURATED_SHARE = 0.6
_CHUNK = 200_000


class AdaptiveMedian(Restorer):
    """Replace the dots that are given, else isolated black and white samples, channel by channel."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        pictures = image.float().cpu().numpy()
        dots = None if mask is None else (mask > 0).expand_as(image).cpu().numpy()
        restored = np.zeros_like(pictures)
        for place in np.ndindex(pictures.shape[:2]):
            channel = np.ascontiguousarray(pictures[place])
            restored[place] = _restore_channel(channel, _find_impulses(channel) if dots is None else dots[place])
        return torch.from_numpy(restored)


def _restore_channel(channel: FloatArray, damaged: Mask) -> FloatArray:
    restored = channel.copy()
    known = np.where(damaged, np.float32(np.nan), channel)
    pending = np.argwhere(damaged)
    for radius_px in _RADII_PX:
        if not len(pending):
            break
        padded = np.pad(known, radius_px, mode="reflect" if min(channel.shape) > radius_px else "symmetric")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * radius_px + 1, 2 * radius_px + 1))
        left = []
        for start in range(0, len(pending), _CHUNK):
            places = pending[start : start + _CHUNK]
            medians = _known_median(windows[places[:, 0], places[:, 1]].reshape(len(places), -1))
            is_filled = np.isfinite(medians)
            filled = places[is_filled]
            restored[filled[:, 0], filled[:, 1]] = medians[is_filled]
            left.append(places[~is_filled])
        pending = np.concatenate(left)
    return restored


def _known_median(windows: FloatArray) -> FloatArray:
    """Return the median of the finite values of each row, NaN where a row has none."""
    ordered = np.sort(windows, axis=1)  # NaN sorts last
    count = np.isfinite(ordered).sum(axis=1)
    rows = np.arange(len(ordered))
    low, high = (
        ordered[rows, np.maximum(count - 1, 0) // 2],
        ordered[rows, np.minimum(count // 2, ordered.shape[1] - 1)],
    )
    return np.where(count > 0, (low + high) / 2, np.float32(np.nan)).astype(np.float32)


def _find_impulses(channel: FloatArray) -> Mask:
    """Return where a sample is black or white without lying in an area of that same value."""
    impulses = np.zeros(channel.shape, dtype=np.bool_)
    for extreme in (channel <= _EXTREME, channel >= 1 - _EXTREME):
        share = cv2.blur(extreme.astype(np.float32), (5, 5), borderType=cv2.BORDER_REFLECT)
        impulses |= extreme & (share < _SATURATED_SHARE)
    return impulses


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> AdaptiveMedian:
    """Build the filter; it has neither configuration nor weights."""
    return AdaptiveMedian(
        Contract(overlap_px=max(_RADII_PX) + 2, runs_on_device=False, activation_bytes_per_pixel=300.0)
    )
