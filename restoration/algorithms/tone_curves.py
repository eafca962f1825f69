"""Tone curves for dark pictures: they map 0 to 0 and 1 to 1, are monotonic, and keep the hue of every pixel.

The lift of a pixel follows its largest colour m: `m -> g m / (1 + (g - 1) m)`. Its luma grows by the same factor as m,
its chroma by a little less, since dark colours are more saturated than bright ones look. The logarithm of g is linear
in that of m within a neighbourhood, with coefficients fitted on a small picture and enlarged (a fast guided filter), so
that edges stay where they are and no halo appears.

Reference:
    He & Sun, Fast Guided Filter, 2015, arXiv:1505.00996; Gharbi et al., Deep Bilateral Learning for Real-Time Image
    Enhancement, 2017, arXiv:1707.02880 (coefficients at low resolution, applied at full resolution).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

LUMA = (0.299, 0.587, 0.114)

_DARKEST = 0.01  # below this a guide in logarithms would follow the noise
_REGULARISER = 0.02  # variance of the guide's logarithm that counts as flat
_WINDOW_RADIUS_PX = 3
_STEEPEST, _FLATTEST = 0.5, -0.8  # of the exponent's change; above -1 the curve does not fold
_LARGEST_LOG_GAIN = 4.5
_SEARCH_STEPS = 14  # to a thousandth of the logarithm
_NUDGE, _LEAST_STEEPNESS = 0.01, 1e-3
_BLACK = 1e-3  # nearer to black or white, a colour tells no balance
_GRAY = 1e-3  # of the luma; what differs less has no hue
_BALANCES = (-0.6, 1.2)  # about what the network's range allows
_CAP_SLOPE, _CAP_BEND = 0.6, 40.0  # a pixel at 254 of 255 does not round to 255, however strong the lift


@dataclass(frozen=True)
class Curves:
    """The curves of a picture on a coarse grid, all (B, ., h, w) float32.

    Args:
        slope, offset: log g = slope * log m + offset; one channel each.
        chroma: exponent in [-1, 0]; where a pixel grows by f > 1, its chroma grows by f ** (1 + chroma).
        balance: three channels k > -1; every colour x first becomes (1 + k) x / (1 + k x).
    """

    slope: Tensor
    offset: Tensor
    chroma: Tensor
    balance: Tensor

    def stacked(self) -> Tensor:
        """Return the curves as one tensor, (B, 6, h, w)."""
        return torch.cat([self.slope, self.offset, self.chroma, self.balance], dim=1)

    @classmethod
    def unstacked(cls, maps: Tensor) -> Curves:
        """Undo `stacked`."""
        return cls(maps[:, :1], maps[:, 1:2], maps[:, 2:3], maps[:, 3:])

    def raised(self, offset: Tensor) -> Curves:
        """Return the curves with (B, 1, 1, 1) added to every logarithm of g."""
        return replace(self, offset=self.offset + offset)


def brightness(image: Tensor) -> Tensor:
    """Return the mean luma of every picture of (B, 3, H, W), shape (B, 1, 1, 1)."""
    return luma_of(image).mean(dim=(2, 3), keepdim=True)


def luma_of(image: Tensor) -> Tensor:
    """Return the luma (ITU-R BT.601) of (B, 3, H, W), shape (B, 1, H, W)."""
    return LUMA[0] * image[:, :1] + LUMA[1] * image[:, 1:2] + LUMA[2] * image[:, 2:]


def apply_curves(image: Tensor, curves: Curves) -> tuple[Tensor, Tensor]:
    """Return the brightened picture, (B, 3, H, W), and the gain of each pixel, (B, 1, H, W).

    Args:
        image: (B, 3, H, W), range [0, 1].
        curves: on the same grid as the picture.
    """
    balanced = balance_colours(image, curves.balance)
    highest = balanced.amax(dim=1, keepdim=True)
    log_gain = (curves.slope * guide_of(highest) + curves.offset).clamp(-_LARGEST_LOG_GAIN, _LARGEST_LOG_GAIN)
    gain = log_gain.exp()
    room = 1 - highest
    cap = 1 - _CAP_SLOPE * room / (1 + _CAP_BEND * room)
    factor = torch.minimum(gain / (1 + (gain - 1) * highest), cap / highest.clamp_min(_DARKEST))
    vividness = factor.clamp_min(1) ** curves.chroma
    return torch.lerp(luma_of(balanced), balanced, vividness) * factor, factor


def balance_colours(image: Tensor, balance: Tensor) -> Tensor:
    """Return (B, 3, H, W) with every colour x made (1 + k) x / (1 + k x); see `Curves.balance`."""
    return (1 + balance) * image / (1 + balance * image)


def without_turning(image: Tensor, balance: Tensor) -> Tensor:
    """Return a balance that gives every place the hue which the mean balance gives it, or none.

    What is told of single places may take their colour away or make it stronger. Left to turn hues, it made a bluish
    white door green: it took more blue than the door had.

    Args:
        image: (B, 3, h, w), range [0, 1].
        balance: (B, 3, h, w), see `Curves`.
    """
    seen = functional.avg_pool2d(functional.pad(image, [1] * 4, mode="replicate"), 3, stride=1)
    seen = seen.clamp(_BLACK, 1 - _BLACK)
    evenly = balance_colours(seen, balance.mean(dim=(2, 3), keepdim=True))
    locally = balance_colours(seen, balance)
    luma = luma_of(locally)
    hue, wanted = evenly / luma_of(evenly) - 1, locally / luma - 1
    hue = hue / hue.norm(dim=1, keepdim=True).clamp_min(_GRAY)
    strength = (wanted * hue).sum(dim=1, keepdim=True).clamp_min(0)
    coloured = (luma * (1 + strength * hue)).clamp(_BLACK, 1 - _BLACK)
    turned_back = (coloured - seen) / (seen * (1 - coloured))
    return _windowed(_windowed(turned_back.clamp(*_BALANCES)))


def guide_of(highest: Tensor) -> Tensor:
    """Return the guide for the largest colours (B, 1, H, W): the logarithm of their 3x3 mean, to calm the noise."""
    padded = functional.pad(highest, (1, 1, 1, 1), mode="replicate")
    return (functional.avg_pool2d(padded, 3, stride=1) + _DARKEST).log()


def fit_curves(guide: Tensor, log_gain: Tensor, *, chroma: Tensor, balance: Tensor) -> Curves:
    """Return the curves nearest to a wanted gain: in every window its logarithm becomes linear in the guide.

    Args:
        guide: (B, 1, h, w), see `guide_of`.
        log_gain: (B, 1, h, w), logarithms of g.
        chroma, balance: (B, 1, h, w) and (B, 3, h, w), see `Curves`.
    """
    mean_guide, mean_gain = _windowed(guide), _windowed(log_gain)
    covariance = _windowed(guide * log_gain) - mean_guide * mean_gain
    variance = _windowed(guide * guide) - mean_guide * mean_guide
    slope = (covariance / (variance + _REGULARISER)).clamp(_FLATTEST, _STEEPEST)
    return Curves(_windowed(slope), _windowed(mean_gain - slope * mean_guide), chroma, balance)


def offset_for(image: Tensor, curves: Curves, wanted: Tensor) -> Tensor:
    """Return what must be added to all logarithms of g, (B, 1, 1, 1), for a lifted picture of the wanted mean luma.

    Args:
        image: (B, 3, H, W), range [0, 1].
        curves: on the same grid.
        wanted: (B, 1, 1, 1), range (0, 1); where the hues forbid it, the nearest is taken.
    """
    low = torch.full_like(wanted, -_LARGEST_LOG_GAIN - 1)
    high = -low
    with torch.no_grad():
        for _ in range(_SEARCH_STEPS):
            middle = (low + high) / 2
            is_dark = _brightness_at(image, curves, middle) < wanted
            low, high = torch.where(is_dark, middle, low), torch.where(is_dark, high, middle)
    found = (low + high) / 2
    if not torch.is_grad_enabled():
        return found
    with torch.no_grad():
        rise = _brightness_at(image, curves, found + _NUDGE) - _brightness_at(image, curves, found - _NUDGE)
    steepness = (rise / (2 * _NUDGE)).clamp_min(_LEAST_STEEPNESS)
    # One step of Newton's method, so that gradients know that what is lifted everywhere is taken back here.
    return found + (wanted - _brightness_at(image, curves, found)) / steepness


def _brightness_at(image: Tensor, curves: Curves, offset: Tensor) -> Tensor:
    return brightness(apply_curves(image, curves.raised(offset))[0])


def flat_curves(image: Tensor) -> Curves:
    """Return curves that change nothing, on the grid of (B, 3, H, W)."""
    batch, _, height, width = image.shape
    zero = torch.zeros(batch, 1, height, width, dtype=image.dtype, device=image.device)
    return Curves(zero, zero, zero, zero.expand(-1, 3, -1, -1))


def _windowed(maps: Tensor) -> Tensor:
    """Return the means of windows of 7x7."""
    radius = _WINDOW_RADIUS_PX
    padded = functional.pad(maps, [radius] * 4, mode="replicate")
    return functional.avg_pool2d(padded, 2 * radius + 1, stride=1)
