"""Inpainting in two stages: a coarse fill, then a finer one that may copy texture from anywhere in the picture.

The coarse stage is the built-in inpainting's network; the finer one is another such network, trained against a critic,
with the paper's attention in it: features and detail of known parts are put where they fit. A soft coarse fill
resembles many places equally, so that the paper's attention would take the mean of all, which is flat, or one patch
again and again. Therefore neighbours agree first: places that copy from places that lie alike strengthen one another,
and then each takes one patch. No place gets stronger detail than what is known around it has.

What the paper's network learns from millions of pictures, how things go on behind a hole, hours of a CPU do not teach.
So wide holes begin small: where a picture has been shrunk until a hole is at most 48 px thick, parts of the picture are
moved there whole (see `shift_map`), such that they come near to what the coarse stage foretells. From then on the finer
stage draws, at every doubling, what the larger size has more; it learns that from photographs whose holes are known at
half the size. After every doubling, parts of the picture come near to what it drew: they have the true texture. Where
too much is lost for parts to be moved, the fill stays soft.

Reference:
    Yu et al., Generative Image Inpainting with Contextual Attention, 2018, arXiv:1801.07892;
    Yi et al., Contextual Residual Aggregation for Ultra High-Resolution Image Inpainting, 2020, arXiv:2005.09704
    (detail is copied);
    Sauer et al., Projected GANs Converge Faster, 2021, arXiv:2111.01007 (the critic).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.algorithms.gaussian import gaussian_smooth
from restoration.algorithms.patch_fill import fill_by_example, movable_parts, surroundings_of
from restoration.arrays import FloatArray, Mask
from restoration.models.shared.contract import Contract
from restoration.models.shared.fill import FillRestorer, Pass
from restoration.models.shared.state import load_network, load_state
from restoration.networks.attention import RATE, attend
from restoration.networks.fill_unet import HOLE_LEVEL, FillUNet
from restoration.types import Parameters

_LEVEL = 2  # the finer stage compares at a quarter of the size
_COARSE = 4  # strength of texture is compared at a quarter of the size
_DETAIL_PX = 4.0  # deviation of the Gaussian that takes away what is not detail
_FIRST_SHARE = 0.5
_HALF_KNOWN = 0.5  # of a hole, where its picture at half the size is known
_NEAR_PX = (8.0, 16.0, 32.0, 64.0)
_LEAST_ENERGY = 1e-6
_THICK_PX = 16  # wider holes are filled at half the size first
_PARTS_PX, _WIDE_PX = 48, 8  # thickest and thinnest holes that parts of the picture fill, there
_MOST_LOST = 0.3  # of the surroundings, for that
_SOFT_PX = 32  # thickest holes that the coarse stage fills, where there are no parts


class ContextualAttentionNet(FillUNet):
    """Correct the holes of (B, 3, H, W), H and W multiples of `size_multiple`: `FillUNet` first, then a finer stage.

    Args:
        shape: arguments of `FillUNet`, which both stages take.
    """

    def __init__(self, **shape: Any) -> None:
        super().__init__(**shape)
        self.fine = FineStage(**shape)

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return self.fine.size_multiple

    def forward(self, filled: Tensor, mask: Tensor, is_half_known: Tensor | None = None) -> Tensor:
        """Return what to subtract from the filled picture, (B, 3, H, W) float32; it means something in the holes only.

        Args:
            filled: (B, 3, H, W), range [0, 1]; the picture, its holes filled smoothly or by a coarser pass.
            mask: (B, 1, H, W), 1 = hole.
            is_half_known: (B, 1, 1, 1), 1 = the holes are filled by this network at half the size; None = none is.
        """
        return filled.float() - self.stages(filled, mask, is_half_known)[-1]

    def coarse_damage(self, filled: Tensor, mask: Tensor) -> Tensor:
        """Return what the coarse stage alone finds wrong in the holes, (B, 3, H, W)."""
        return super().forward(filled, mask)

    def stages(self, picture: Tensor, mask: Tensor, is_half_known: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the pictures that both stages make of a filled one, float32; see `forward`.

        What is known at half the size needs no coarse stage, which would take its texture away again.
        """
        given, holes = picture.float(), mask.float()
        told = holes.new_zeros(len(holes), 1, 1, 1) if is_half_known is None else is_half_known.float()
        rough, first = given.clone(), told.flatten() == 0
        if first.any():
            rough[first] = given[first] - holes[first] * self.coarse_damage(picture[first], mask[first]).float()
        return rough, rough - self.fine(rough, holes, told).float()


class FineStage(FillUNet):
    """Return what to subtract from the holes of (B, 3, H, W) after a coarse fill.

    At a quarter of the size features and detail of known parts are put into the holes; the features go on through the
    decoder, which also tells how much of the detail to take. Training may start it from the weights of a `FillUNet`.
    """

    def __init__(self, **shape: Any) -> None:
        super().__init__(**shape)
        self.level = min(_LEVEL, len(self.widths) - 2)
        width, detail = self.widths[self.level], 3 * 4**self.level
        self.matching = nn.Conv2d(width, width, 3, padding=1)
        self.matched = nn.Conv2d(width + detail, width, 3, padding=1)
        self.share = nn.Conv2d(self.widths[0], 1, 3, padding=1)
        with torch.no_grad():
            nn.init.dirac_(self.matching.weight)
            for layer in (self.matched, self.share):
                nn.init.zeros_(layer.weight)
            self.share.bias.fill_(_FIRST_SHARE)  # type: ignore[union-attr]

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return math.lcm(super().size_multiple, RATE * 2**self.level, _COARSE)

    def forward(self, filled: Tensor, mask: Tensor, is_half_known: Tensor | None = None) -> Tensor:
        """See `ContextualAttentionNet.forward`; all arguments are float32, whatever the type of the weights."""
        told = mask if is_half_known is None else mask * (1 - _HALF_KNOWN * is_half_known)
        given = torch.cat([filled, HOLE_LEVEL * told], dim=1).to(self.head.weight.dtype)
        x = self.head(given.contiguous(memory_format=torch.channels_last))
        skips: list[Tensor] = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        known, copied = self._copied(skips[self.level], filled, mask)
        skips[self.level] = skips[self.level] + self.matched(known)
        x = self.body(x)
        for decoder, up in zip(reversed(self.decoders), reversed(self.ups), strict=True):
            x = decoder(up(x) + skips.pop())
        return self.tail(x).float() - self.share(x).float() * copied

    def _copied(self, features: Tensor, filled: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the attention takes from known parts: features with detail, and the detail as a picture."""
        fold = 2**self.level
        detail = filled - gaussian_smooth(filled, _DETAIL_PX)
        values = torch.cat([features, functional.pixel_unshuffle(detail, fold).to(features.dtype)], dim=1)
        known = attend(self.matching(features), functional.max_pool2d(mask, fold), values, copies=True)
        copied = functional.pixel_shuffle(known[:, features.shape[1] :], fold).float()
        return known, copied * plausible_share(copied, detail, mask)


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
    """Smooth (B, C, H, W), H and W multiples of `_COARSE`, by a Gaussian of many pixels, at a quarter of the size."""
    small = gaussian_smooth(functional.avg_pool2d(image, _COARSE), deviation_px / _COARSE)
    return functional.interpolate(small, size=image.shape[2:], mode="bilinear")


class ContextualAttentionRestorer(FillRestorer):
    """Fill in windows of limited size: the attention compares all places of a window with one another.

    The first of several passes is the coarse stage alone. After each, parts of the picture go into wide holes, so that
    the next one draws after true texture; what the network put into thin holes counts as known to them. Where no parts
    can be moved (see `movable_parts`), the coarse stage goes on alone: what the finer one draws upon its own drawing,
    pass after pass, looks like crumpled foil.
    """

    network: ContextualAttentionNet
    cell_px = 256
    thick_px = _THICK_PX
    margin = 1.5
    whole_pixels = 512**2
    views = ()

    def damage(self, filled: Tensor, mask: Tensor, *, which: Pass) -> Tensor:
        if which is Pass.FIRST:
            return self.network.coarse_damage(filled, mask)
        is_half_known = mask.new_full((len(mask), 1, 1, 1), float(which is Pass.LATER))
        damage: Tensor = self.network(filled, mask, is_half_known)
        return damage

    def is_halved(self, mask: Mask, thickness_px: float, *, which: Pass) -> bool:
        thickest_px = _THICK_PX
        if which is Pass.FIRST:
            thickest_px = _SOFT_PX if self.pass_after(mask) is Pass.FIRST else _PARTS_PX
        return thickness_px > thickest_px and super().is_halved(mask, thickness_px, which=which)

    def pass_after(self, mask: Mask) -> Pass:
        numbers, pieces = movable_parts(mask, wide_px=_WIDE_PX, most_lost=_MOST_LOST)
        return Pass.LATER if pieces or not numbers.any() else Pass.FIRST

    def fill(
        self,
        image: FloatArray,
        mask: Mask,
        thickness_px: float,
        device: torch.device,
        rng: np.random.Generator,
        *,
        which: Pass = Pass.ONLY,
    ) -> FloatArray:
        filled = super().fill(image, mask, thickness_px, device, rng, which=which)
        is_only = which is Pass.ONLY and not self.is_halved(mask, thickness_px, which=which)
        return filled if is_only else _with_parts(filled, mask, rng)


def _with_parts(filled: FloatArray, mask: Mask, rng: np.random.Generator) -> FloatArray:
    """Return a filled picture (H, W, 3) in whose wide holes parts of it come near to their fill."""
    numbers, pieces = movable_parts(mask, wide_px=_WIDE_PX, most_lost=_MOST_LOST)
    filled, unknown = filled.copy(), numbers > 0
    for piece in pieces:
        window = surroundings_of(piece, mask.shape)
        own = numbers[window] == piece.number
        fill = fill_by_example(filled[window], unknown[window], rng=rng, start=filled[window])
        filled[window][own] = fill[own]
        unknown[window][own] = False
    return filled


TINY = {"widths": [4, 6], "blocks": [1], "dilations": [1]}


def networks(config: Mapping[str, object], parameters: Parameters) -> dict[str, ContextualAttentionNet]:
    """Return the network; the files "coarse" and "fine" hold the tensors of a stage each."""
    network = ContextualAttentionNet(**config)
    return {"coarse": network, "fine": network}


def build(
    *, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters
) -> ContextualAttentionRestorer:
    """Build the network from the weights of its stages."""
    network = networks(config, parameters)["fine"]
    state = {**load_state(weights["coarse"]), **load_state(weights["fine"])}
    load_network(network, state, model="the contextual attention network")
    contract = Contract(
        tiling="internal",
        is_iterative=True,
        needs_mask=True,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
    )
    return ContextualAttentionRestorer(network, contract)
