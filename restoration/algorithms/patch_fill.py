"""Fill holes with patches of the same picture: sharp texture without a network; each seed gives another result.

For every patch that touches a hole the nearest patch of known pixels is searched by chance and by asking neighbours;
the hole becomes the weighted mean of what the patches found say of it. This is repeated from coarse to fine. Wide holes
are first filled with whole parts of the picture (see `shift_map`), and the patches heal what does not fit.

Reference:
    Wexler et al., Space-Time Completion of Video, 2007, doi:10.1109/TPAMI.2007.60 (the votes, coarse to fine);
    Barnes et al., PatchMatch, 2009, doi:10.1145/1531326.1531330 (the search).
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from restoration.algorithms.harmonic_fill import fill_smoothly
from restoration.algorithms.holes import Piece, cut_holes, halved, wide_parts_of, window_of
from restoration.algorithms.shift_map import REACH_PX, blend_parts, known_patches, patches_round, shift_parts
from restoration.arrays import FloatArray, Mask

_MARGIN_PX = 96
_WIDE_MARGIN_PX = 256
_LEAST_THICKNESS_PX = 5
_LEAST_SIDE_PX = 32
_WIDE_PX = 12
_ROUNDS = 3
_JUMPS_PX = (4, 1)
_MOST_TARGETS = 60_000
_MOST_WIDE, _LARGEST_AROUND_PX = 50, 4_000_000
_RIM_TRUST = 1.3  # how much less a vote counts per pixel away from the rim (Wexler et al.)
_Places = npt.NDArray[np.int64]


def fill_by_example(
    image: FloatArray, mask: Mask, *, rng: np.random.Generator, start: FloatArray | None = None
) -> FloatArray:
    """Return the picture with its holes filled from its known patches; known pixels stay unchanged.

    Where hardly a patch is known, the fill is smooth.

    Args:
        image: (H, W, 3), range [0, 1]; what lies in the holes is not looked at.
        mask: (H, W), True = fill.
        start: (H, W, 3), the picture with its holes filled softly, which the parts are to be near; None = smoothly.
    """
    start = fill_smoothly(image, mask) if start is None else start
    if min(mask.shape) < 2 * REACH_PX + 2 or not known_patches(mask).any():
        return start
    parts = shift_parts(start, mask, rng=rng) if _thickness_px(mask) > _WIDE_PX else None
    return _completed(start, mask, rng)[0] if parts is None else _healed(*parts, mask, rng)


def _healed(image: FloatArray, places: _Places, mask: Mask, rng: np.random.Generator) -> FloatArray:
    """Return the picture with what does not fit in its holes replaced by patches, votes coming from near by."""
    matches = _Matches(image, mask, rng)
    matches.start_at(places)
    is_stale = mask.copy()
    if len(matches.targets) <= _MOST_TARGETS:
        matches.search(jumps=_JUMPS_PX)
        is_stale[tuple(matches.targets.T)] = False
    matches.vote(reach_px=1)
    return blend_parts(image, matches.estimate, mask, np.where(is_stale[..., None], places, matches.field))


def _thickness_px(mask: Mask) -> float:
    """Return the diameter of the largest disc in the holes."""
    return 2 * float(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3).max())


def _completed(image: FloatArray, mask: Mask, rng: np.random.Generator) -> tuple[FloatArray, _Places]:
    """Return the completed picture and the map (H, W, 2) of where the nearest patch lies."""
    height, width = mask.shape
    small = halved(image, mask)
    matches = _Matches(image, mask, rng)
    if (
        _thickness_px(mask) > _LEAST_THICKNESS_PX
        and min(small[1].shape) >= _LEAST_SIDE_PX
        and known_patches(small[1]).any()
    ):
        coarse, field = _completed(*small, rng)
        enlarged = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        matches.estimate = np.where(mask[..., None], np.asarray(enlarged), image)
        matches.take_over(field)
    is_searched = len(matches.targets) <= _MOST_TARGETS
    for index in range(_ROUNDS if is_searched else 1):
        if is_searched:
            matches.search(jumps=_JUMPS_PX if index == 0 else (1,))
        matches.vote()
    return matches.estimate, matches.field


class _Matches:
    """The nearest known patch of every patch that touches a hole, at one scale."""

    def __init__(self, image: FloatArray, mask: Mask, rng: np.random.Generator) -> None:
        self.estimate = image.copy()
        self._mask = mask
        self._rng = rng
        reach = np.ones((2 * REACH_PX + 1,) * 2, np.uint8)
        is_target = cv2.dilate(mask.astype(np.uint8), reach) > 0
        self._is_source = known_patches(mask)
        for edge in (np.s_[:REACH_PX], np.s_[-REACH_PX:], np.s_[:, :REACH_PX], np.s_[:, -REACH_PX:]):
            is_target[edge] = False
        self.targets: _Places = np.argwhere(is_target)
        sources = np.argwhere(self._is_source)
        self.field: _Places = np.zeros((*mask.shape, 2), np.int64)
        self.field[...] = sources[rng.integers(len(sources), size=mask.shape)]
        depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)[tuple(self.targets.T)]
        self._trust = np.power(_RIM_TRUST, -np.asarray(depth, dtype=np.float32))
        self._errors = np.zeros(len(self.targets), np.float32)

    def take_over(self, field: _Places) -> None:
        """Take the matches of a picture of half the size where they lead to known patches."""
        doubled = 2 * np.repeat(np.repeat(field, 2, axis=0), 2, axis=1)[: self._mask.shape[0], : self._mask.shape[1]]
        doubled = doubled + np.indices(self._mask.shape).transpose(1, 2, 0) % 2
        self.start_at(np.minimum(doubled, np.array(self._mask.shape) - 1))

    def start_at(self, places: _Places) -> None:
        """Take matches, (H, W, 2), where they lie on known patches."""
        fits = self._is_source[places[..., 0], places[..., 1]]
        self.field[fits] = places[fits]

    def search(self, *, jumps: tuple[int, ...]) -> None:
        """Try the matches of neighbours, then random places ever closer to the best so far (PatchMatch)."""
        wanted = self._patches(self.targets)
        best = self.field[tuple(self.targets.T)]
        self._errors = _distances(wanted, self._patches(best))
        last = np.array(self._mask.shape) - 1
        for jump in jumps:
            for step in ((jump, 0), (-jump, 0), (0, jump), (0, -jump)):
                neighbours = np.clip(self.targets + step, 0, last)
                self._improve(wanted, best, self.field[tuple(neighbours.T)] - step)
        radius = max(self._mask.shape) / 2
        while radius >= 1:
            draw = self._rng.uniform(-radius, radius, best.shape)
            self._improve(wanted, best, best + draw.round().astype(np.int64))
            radius /= 2

    def _improve(self, wanted: FloatArray, best: _Places, places: _Places) -> None:
        """Take those places that are sources and match better."""
        inside = np.clip(places, 0, np.array(self._mask.shape) - 1)
        able = np.flatnonzero(self._is_source[tuple(inside.T)])
        errors = _distances(wanted[able], self._patches(inside[able]))
        better = errors < self._errors[able]
        chosen = able[better]
        self._errors[chosen] = errors[better]
        best[chosen] = inside[chosen]
        self.field[tuple(self.targets[chosen].T)] = inside[chosen]

    def vote(self, *, reach_px: int = REACH_PX) -> None:
        """Set every pixel of the holes to the weighted mean of the patches that cover it.

        Args:
            reach_px: how far from its middle a patch has a say; less is sharper.
        """
        places = self.field[tuple(self.targets.T)]
        spread = max(float(np.percentile(self._errors, 75)), 1e-6)
        weights = self._trust * np.exp(-self._errors / (2 * spread))
        sums = np.zeros((self._mask.size, 3), np.float32)
        totals = np.zeros(self._mask.size, np.float32)
        width = self._mask.shape[1]
        onto, taken = self.targets @ (width, 1), places @ (width, 1)
        pixels = self.estimate.reshape(-1, 3)
        steps = np.arange(-reach_px, reach_px + 1)
        for offset in (steps[:, None] * width + steps).ravel():
            sums[onto + offset] += weights[:, None] * pixels[taken + offset]
            totals[onto + offset] += weights
        holes = self._mask.ravel() & (totals > 0)
        filled = pixels.copy()
        filled[holes] = sums[holes] / totals[holes, None]
        self.estimate = filled.reshape(self.estimate.shape)

    def _patches(self, places: _Places) -> FloatArray:
        return patches_round(self.estimate, places)


def _distances(first: FloatArray, second: FloatArray) -> FloatArray:
    difference = first - second
    return np.asarray(np.einsum("ij,ij->i", difference, difference), dtype=np.float32)


def movable_parts(mask: Mask, *, wide_px: int, most_lost: float) -> tuple[npt.NDArray[np.int32], list[Piece]]:
    """Return numbers (H, W) and pieces of the holes' wide parts that parts of the picture may be moved into.

    Those in whose surroundings too much is lost, or that are too many or too large for the time that it takes, are not
    among the pieces.

    Args:
        mask: (H, W), True = fill.
        wide_px: diameter of the largest disc in a hole that is not wide.
        most_lost: share of the surroundings.
    """
    wide = wide_parts_of(mask, wide_px=wide_px)
    if cv2.connectedComponents(wide.astype(np.uint8))[0] - 1 > _MOST_WIDE:
        return np.zeros(mask.shape, np.int32), []
    numbers, pieces = cut_holes(wide, cell_px=max(mask.shape), thick_px=0)
    around = [mask[surroundings_of(piece, mask.shape)] for piece in pieces]
    return numbers, [
        piece
        for piece, holes in zip(pieces, around, strict=True)
        if holes.size <= _LARGEST_AROUND_PX and holes.mean() <= most_lost
    ]


def surroundings_of(piece: Piece, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return a window with a margin to search in, up to twice as wide as the hole is thick."""
    top, left, bottom, right = piece.box
    margin = max(_MARGIN_PX, round(min(2 * piece.thickness_px, _WIDE_MARGIN_PX + piece.thickness_px / 2)))
    return window_of(piece.box, shape, height_px=bottom - top + 2 * margin, width_px=right - left + 2 * margin)
