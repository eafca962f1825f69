"""What removers of damage share: what they tell their network, the views they take, and the subtraction in float32.

Each subtracts what the network takes for damage, so that low precision touches only the correction.

Reference:
    Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser Prior, 2021, arXiv:2008.13751 (noise-level map);
    Jiang et al., Towards Flexible Blind JPEG Artifacts Removal, 2021, arXiv:2109.14573 (told the quality).
"""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from restoration.algorithms.gaussian import gaussian_smooth
from restoration.models.shared.self_ensemble import (
    SelfEnsembleRestorer,
    counts_of,
    turned_back,
    view_by_view,
    view_of,
)
from restoration.types import Parameters

_BRIGHTNESS_PX = 2.0


def jpeg_level(quality: float) -> float:
    """Return what the network is told of a JPEG quality, 1-100: 0 for hardly any loss, 1 for the worst."""
    return (100 - quality) / 100


class Remover(SelfEnsembleRestorer):
    """Subtract the damage that the network finds."""

    @abc.abstractmethod
    def look(self, image: Tensor, parameters: Sequence[Parameters]) -> tuple[Tensor, Tensor]:
        """Return the picture for the network and what it is told, both float32; see `ResUNet.forward`."""

    def signs(self, damaged: Tensor, views: int) -> Tensor:
        """Return 1 for every view and picture that is seen as it is, -1 for its negative, (views, B)."""
        return torch.ones(views, len(damaged), device=damaged.device)

    def units(
        self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None
    ) -> Iterator[tuple[float, Tensor | None]]:
        damaged, told = self.look(image, parameters)
        counts = counts_of(parameters)
        signs = self.signs(damaged, max(counts))

        def damage(places: list[int], view: int) -> Tensor:
            sign = signs[view, places].reshape(-1, 1, 1, 1)
            seen = view_of(torch.where(sign < 0, 1 - damaged[places], damaged[places]), view)
            batch = seen.to(self.dtype).contiguous(memory_format=torch.channels_last)
            found = self.network(batch, view_of(told[places], view).to(self.dtype))
            return sign * turned_back(found.float(), view)

        for fraction, mean in view_by_view(damage, counts):
            yield fraction, None if mean is None else damaged - mean


class Denoiser(Remover):
    """Remove noise of the level `sigma`; a `strength` above 1 tells more than there is.

    Where a `speckle` is given, the deviation of the noise in white, the level follows the brightness of each place
    instead.
    """

    def look(self, image: Tensor, parameters: Sequence[Parameters]) -> tuple[Tensor, Tensor]:
        told = levels_of(image, parameters, "sigma")
        speckle = levels_of(image, parameters, "speckle")
        if not bool(speckle.any()):
            return image, told
        brightness = gaussian_smooth(image.mean(dim=1, keepdim=True), _BRIGHTNESS_PX).clamp(0, 1)
        return image, torch.where(speckle > 0, speckle * brightness, told)


class JpegRemover(Remover):
    """Remove what JPEG compression of the given `quality` left; a `strength` above 1 tells a worse one."""

    def look(self, image: Tensor, parameters: Sequence[Parameters]) -> tuple[Tensor, Tensor]:
        levels = [min(1.0, jpeg_level(float(each["quality"])) * _excess(each)) for each in parameters]
        return image, _levels(image, levels)


def levels_of(image: Tensor, parameters: Sequence[Parameters], name: str) -> Tensor:
    """Return a level of noise for each picture, more where more is to be removed, 0 without one: (B, 1, 1, 1)."""
    return _levels(image, [float(each.get(name, 0.0)) * _excess(each) for each in parameters])


def _excess(parameters: Parameters) -> float:
    """Return how much more than the measured damage is to be removed; the service mixes below 1."""
    return max(1.0, float(parameters.get("strength", 1.0)))


def _levels(image: Tensor, levels: Sequence[float]) -> Tensor:
    return torch.tensor(levels, dtype=torch.float32, device=image.device).reshape(-1, 1, 1, 1)
