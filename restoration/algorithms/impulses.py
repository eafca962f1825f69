"""Detect and fill impulses (salt and pepper).

Reference:
    Knutsson & Westin, Normalized and Differential Convolution, 1993, doi:10.1109/CVPR.1993.341081.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_EXTREME = 0.5 / 255
_SATURATED_SHARE = 0.6
_SATURATED_WINDOW_PX = 5
_LEAST_HEIGHT = 12 / 255
_SHARE_OF_PIXELS = 0.5
_FILL_WINDOWS_PX = (3, 5, 9, 17)

REACH_PX = _SATURATED_WINDOW_PX // 2 + 2 * (max(_FILL_WINDOWS_PX) // 2)
"""How far a filled sample depends on its surroundings."""


def find_impulses(image: Tensor) -> Tensor:
    """Return which samples are isolated black or white outliers, outside areas of the same value.

    Where most of them are black or white in all channels at once, only such pixels count: single channels of a
    photograph reach their ends often, all of them together seldom.

    Args:
        image: (B, C, H, W), range [0, 1].

    Returns:
        (B, C, H, W), 1 where a sample is an impulse, else 0.
    """
    isolated, whole = torch.zeros_like(image), torch.zeros_like(image[:, :1])
    for extreme in (image <= _EXTREME, image >= 1 - _EXTREME):
        here = extreme.to(image.dtype)
        isolated += here * (_local_mean(here, _SATURATED_WINDOW_PX) < _SATURATED_SHARE)
        whole += here.amin(dim=1, keepdim=True)
    outstanding = isolated * ((image - fill_impulses(image, isolated)).abs() > _LEAST_HEIGHT)
    pixels = whole * isolated.amin(dim=1, keepdim=True) * outstanding.amax(dim=1, keepdim=True)
    share = pixels.sum(dim=(1, 2, 3), keepdim=True) * image.shape[1] / outstanding.sum(dim=(1, 2, 3), keepdim=True)
    return torch.where(share.nan_to_num(1.0) > _SHARE_OF_PIXELS, pixels.expand_as(image), outstanding)


def fill_impulses(image: Tensor, impulses: Tensor) -> Tensor:
    """Replace impulses by the mean of the sound samples in the smallest window that holds one, near ones first.

    Args:
        image: (B, C, H, W).
        impulses: (B, C, H, W), 1 = replace.
    """
    sound = 1 - impulses
    filled, missing = image * sound, impulses
    for side_px in _FILL_WINDOWS_PX:
        if not missing.any():
            break
        share = _weighted_mean(sound, side_px)
        mean = _weighted_mean(image * sound, side_px) / share.clamp(min=1e-6)
        found = missing * (share > 0)
        filled = filled + found * mean
        missing = missing - found
    return filled + missing * image


def _weighted_mean(image: Tensor, side_px: int) -> Tensor:
    """Return a mean over a window, binomial over the smallest one; beyond the border lies nothing."""
    if side_px == _FILL_WINDOWS_PX[0]:
        return functional.avg_pool2d(functional.avg_pool2d(image, 2, stride=1, padding=1), 2, stride=1)
    return _pooled(image, side_px, counts_outside=True)


def _local_mean(image: Tensor, side_px: int) -> Tensor:
    return _pooled(image, side_px, counts_outside=False)


def _pooled(image: Tensor, side_px: int, *, counts_outside: bool) -> Tensor:
    """Return the mean over a square window, taken along rows and then along columns."""
    reach = side_px // 2
    rows = functional.avg_pool2d(image, (1, side_px), stride=1, padding=(0, reach), count_include_pad=counts_outside)
    return functional.avg_pool2d(rows, (side_px, 1), stride=1, padding=(reach, 0), count_include_pad=counts_outside)
