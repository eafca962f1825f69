"""A filling network's way over pictures of any size: hole by hole, wide ones from coarse to fine.

What a network puts into wide holes is right on average, and therefore soft; those get parts and patches of the picture
instead, unless that is not wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from restoration.algorithms.harmonic_fill import fill_smoothly
from restoration.algorithms.holes import Piece, cut_holes, halved, match_tone, window_of
from restoration.algorithms.patch_fill import fill_by_example, movable_parts, surroundings_of
from restoration.arrays import FloatArray, Mask
from restoration.models.shared.restorers import NetworkRestorer
from restoration.models.shared.self_ensemble import mean_of_views, turned_back, view_of
from restoration.networks.fill_unet import FillUNet
from restoration.types import Parameters

_CELL_PX = 1024
_JOIN_PX = 64
_THICK_PX = 32  # wider holes are filled from coarse to fine; 16 to 96 were tried
_MARGIN = 1.0  # of a hole's thickness
_LEAST_KNOWN_BELOW = 0.25  # of a pixel of half the size; thin known strips between holes still tell their colour there
_LEAST_MARGIN_PX = 48
_VIEWS = ((8, 100_000), (4, 200_000), (2, 400_000))
"""How many views of a window are taken, and up to how many pixels."""
_SOFT_PX = 14  # discs wider than this come out visibly soft
_MOST_LOST = 0.5  # of the surroundings, for parts and patches to be found in them
_WHOLE_PIXELS = 1_500_000


class Pass(Enum):
    """Which pass over a hole it is: the only one, the first of several, at the smallest size, or one that enlarges."""

    ONLY = "only"
    FIRST = "first"
    LATER = "later"


class FillRestorer(NetworkRestorer):
    """Fill piece by piece; wide holes from coarse to fine, so that their middle sees the surroundings.

    A wide hole is first filled in a picture shrunk until the hole is as wide as the network was trained for; at every
    doubling the fill is enlarged, its tone matched with the rim, and corrected. Known pixels stay bit for bit. Every
    step shows one and the same picture as it fills up.
    """

    network: FillUNet
    cell_px = _CELL_PX
    thick_px = _THICK_PX
    margin = _MARGIN
    whole_pixels = _WHOLE_PIXELS
    views: Sequence[tuple[int, int]] = _VIEWS

    def damage(self, filled: Tensor, mask: Tensor, *, which: Pass) -> Tensor:
        """Return what the network finds wrong in filled holes; see `FillUNet.forward` and `correct`."""
        damage: Tensor = self.network(filled, mask)
        return damage

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        assert mask is not None
        pairs = zip(image, mask, parameters, strict=True)
        return torch.cat(
            [
                list(self.steps(picture[None], parameters=each, mask=holes[None]))[-1][1]
                for picture, holes, each in pairs
            ]
        )

    def steps(
        self,
        image: Tensor,
        *,
        parameters: Parameters,
        mask: Tensor | None = None,
        kernel: Tensor | None = None,
    ) -> Iterator[tuple[float, Tensor]]:
        assert mask is not None
        filled = np.ascontiguousarray(image[0].permute(1, 2, 0).float().cpu().numpy())
        unknown = mask[0, 0].cpu().numpy() > 0.5
        wide_numbers, wide_pieces = np.zeros(unknown.shape, np.int32), list[Piece]()
        if parameters.get("large_holes") == "texture":
            wide_numbers, wide_pieces = movable_parts(unknown, wide_px=_SOFT_PX, most_lost=_MOST_LOST)
        rest = unknown & ~np.isin(wide_numbers, [piece.number for piece in wide_pieces])
        numbers, pieces = cut_holes(rest, cell_px=self.cell_px, thick_px=self.thick_px, join_px=_JOIN_PX)
        count = len(pieces) + len(wide_pieces)
        if not count:
            yield 1.0, image.float().cpu()
            return
        filled, unknown = filled.copy(), unknown.copy()
        for done, piece in enumerate([*pieces, *wide_pieces], start=1):
            rng = np.random.default_rng((int(parameters.get("seed", 0)), piece.number))
            if done > len(pieces):
                window = surroundings_of(piece, unknown.shape)
                own = wide_numbers[window] == piece.number
                fill = fill_by_example(filled[window], unknown[window], rng=rng)
            else:
                grown = self.margin * piece.thickness_px if piece.thickness_px > self.thick_px else 0
                window = self._window(piece, unknown.shape, margin_px=max(_LEAST_MARGIN_PX, round(grown)))
                own = numbers[window] == piece.number
                fill = self.fill(filled[window], unknown[window], piece.thickness_px, image.device, rng)
            filled[window][own] = fill[own]
            unknown[window][own] = False
            yield done / count, torch.from_numpy(filled).permute(2, 0, 1)[None]

    def _window(self, piece: Piece, shape: tuple[int, ...], *, margin_px: int) -> tuple[slice, slice]:
        """Return a window round a piece, its sides the network's multiple where that fits."""
        top, left, bottom, right = piece.box
        multiple = self.network.size_multiple
        height, width = (-(-(side + 2 * margin_px) // multiple) * multiple for side in (bottom - top, right - left))
        return window_of(piece.box, shape, height_px=height, width_px=width)

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
        """Return a window, (H, W, 3), with all its holes filled.

        Args:
            which: ONLY for a window of the picture, FIRST for one that was halved; either is a LATER pass instead where
                the window is filled at half the size first (see `pass_after`).
        """
        start = fill_smoothly(image, mask)
        if self.is_halved(mask, thickness_px, which=which):
            small = halved(start, mask, least_known=_LEAST_KNOWN_BELOW)
            coarse = self.fill(*small, thickness_px / 2, device, rng, which=Pass.FIRST)
            enlarged = cv2.resize(coarse, mask.shape[::-1], interpolation=cv2.INTER_CUBIC)
            start = np.where(mask[..., None], match_tone(np.asarray(enlarged), image, mask), image)
            which = self.pass_after(mask)
        return self.correct(start, mask, device, which=which)

    def is_halved(self, mask: Mask, thickness_px: float, *, which: Pass) -> bool:
        """Tell whether a window is filled at half the size first; see `fill`."""
        return thickness_px > self.thick_px and min(mask.shape) >= 4 * self.network.size_multiple

    def pass_after(self, mask: Mask) -> Pass:
        """Return which pass it is over a window that has been filled at half the size."""
        return Pass.LATER

    def correct(self, start: FloatArray, mask: Mask, device: torch.device, *, which: Pass) -> FloatArray:
        """Return a filled picture less what the network finds wrong in its holes, cell by cell where it is large."""
        if mask.size <= self.whole_pixels:
            return self._correct_whole(start, mask, device, which=which)
        filled = start.copy()
        numbers, pieces = cut_holes(mask, cell_px=self.cell_px, thick_px=max(mask.shape), join_px=None)
        for piece in pieces:
            window = self._window(piece, mask.shape, margin_px=_LEAST_MARGIN_PX)
            own = numbers[window] == piece.number
            seen = self._correct_whole(start[window], mask[window], device, which=which)
            filled[window][own] = seen[own]
        return filled

    def _correct_whole(self, filled: FloatArray, mask: Mask, device: torch.device, *, which: Pass) -> FloatArray:
        multiple = self.network.size_multiple
        below, right = (-side % multiple for side in mask.shape)
        pads = (0, right, 0, below)
        picture = torch.from_numpy(np.ascontiguousarray(filled)).to(device).permute(2, 0, 1)[None]
        holes = torch.from_numpy(mask.astype(np.float32)).to(device)[None, None]
        batch = functional.pad(picture, pads, mode="replicate").to(self.dtype)
        told = functional.pad(holes, pads).to(self.dtype)

        def found(places: list[int], view: int) -> Tensor:
            seen = view_of(batch, view).contiguous(memory_format=torch.channels_last)
            return turned_back(self.damage(seen, view_of(told, view), which=which).float(), view)

        views = next((count for count, most in self.views if mask.size <= most), 1)
        damage = mean_of_views(found, [views])[..., : mask.shape[0], : mask.shape[1]]
        corrected = (picture - holes * damage).clamp(0, 1)
        return np.ascontiguousarray(corrected[0].permute(1, 2, 0).cpu().numpy())
