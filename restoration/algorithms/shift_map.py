"""Fill wide holes with shifted regions of the same picture, which stay sharp.

Photographs repeat themselves at a few distances. Those are read from where the nearest known patches lie; then every
pixel of the hole gets one of these shifts, such that neighbours agree in what they bring, the rim is met, and nothing
strange appears far from the smooth fill; at last the seams are blended away, but for those between things that differ.

Reference:
    He & Sun, Statistics of Patch Offsets for Image Completion, 2012, doi:10.1007/978-3-642-33709-3_2 (the shifts);
    Pritch et al., Shift-Map Image Editing, 2009, doi:10.1109/ICCV.2009.5459159 (the agreement of neighbours);
    Felzenszwalb & Huttenlocher, Efficient Belief Propagation for Early Vision, 2006, doi:10.1007/s11263-006-7899-4;
    Pérez et al., Poisson Image Editing, 2003, doi:10.1145/882262.882269 (the blending).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import maximum_filter
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import cg
from scipy.spatial import cKDTree
from torch import Tensor

from restoration.algorithms.holes import halved
from restoration.arrays import FloatArray, Mask

Mask = Mask
Places = npt.NDArray[np.int64]
"""(..., 2): rows and columns."""

_WORKING_AREA_PX = 2500
_LEAST_SIDE_PX = 24
REACH_PX = 3
_MOST_PATCHES, _MOST_QUERIES = 24_000, 4_000
_FEATURES = 20
_NEIGHBOURS = 24
_LEAST_SHIFT = 1 / 15  # of the picture's longer side; nearer patches overlap and say nothing
_PEAK_SIGMA_PX, _PEAK_WINDOW_PX = 1.4, 9
_CANDIDATES, _SHIFTS, _SHARE_TRIED = 400, 64, 0.75
_LEAST_USE = 0.1  # of the hole that a shift must be able to serve
_FLAT = 0.08  # standard deviation of a patch that counts in full
_RIM_PX = 3
_PIXEL_WEIGHT, _PIXEL_MOST = 0.01, 1.0  # of what differs from the smooth fill; alone it would favour what is flat
_TONE_WEIGHT, _TONE_MOST, _TONE_PX = 0.06, 1.0, 5  # the same of means over squares; alone it lets strange things in
_SEAM_MOST = 8.0
_IMPOSSIBLE = 10.0
_MESSAGES = 32
_BLENDING_STEPS = 200
_STEP_KEPT = 0.06  # a misfit at a seam of this size counts half; larger ones are edges, which would bleed
_PARTS_WEIGHT = 0.001  # how much the parts' own colours count beside their differences
_SIDES = ((0, 1), (1, 0), (0, -1), (-1, 0))


def shift_parts(image: FloatArray, mask: Mask, *, rng: np.random.Generator) -> tuple[FloatArray, Places] | None:
    """Return the picture with its holes filled by parts of it, and the places (H, W, 2) that every pixel comes from.

    Known pixels stay bit for bit. None where the picture has no parts to offer.

    Args:
        image: (H, W, 3), range [0, 1], its holes filled smoothly.
        mask: (H, W), True = fill.
        rng: which shifts are tried; another state gives another fill.
    """
    factor = 1
    while mask.sum() > _WORKING_AREA_PX * factor**2 and min(mask.shape) > _LEAST_SIDE_PX * factor:
        factor *= 2
    below, right = (-side % factor for side in mask.shape)  # so that every halving is exact
    small = np.pad(image, ((0, below), (0, right), (0, 0)), mode="edge")
    small_mask = np.pad(mask, ((0, below), (0, right)), mode="edge")
    for _ in range(factor.bit_length() - 1):
        small, small_mask = halved(small, small_mask)
    if small_mask.sum() > 2 * _WORKING_AREA_PX:  # a hole along a strip
        return None
    shifts = frequent_shifts(small, small_mask, rng=rng)
    if not len(shifts):
        return None
    chosen = np.zeros((*small_mask.shape, 2), np.int64)
    chosen[small_mask] = shifts[_agree(small, small_mask, shifts)]
    enlarged = factor * chosen.repeat(factor, axis=0).repeat(factor, axis=1)[: mask.shape[0], : mask.shape[1]]
    enlarged[~mask] = 0
    places = _clipped(np.indices(mask.shape).transpose(1, 2, 0) + enlarged, mask.shape)
    moved = np.where((mask & ~mask[_at(places)])[..., None], image[_at(places)], image)
    return moved, places


def frequent_shifts(image: FloatArray, mask: Mask, *, rng: np.random.Generator) -> Places:
    """Return the most frequent offsets (N, 2) between similar known patches, from a random sample.

    Args:
        image: (H, W, 3), range [0, 1].
        mask: (H, W), True = unknown.
    """
    shape = np.array(mask.shape)
    known = np.argwhere(known_patches(mask))
    if len(known) < _NEIGHBOURS:
        return np.empty((0, 2), np.int64)
    if len(known) > _MOST_PATCHES:
        known = known[rng.choice(len(known), _MOST_PATCHES, replace=False)]
    depth = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3)
    known = known[np.argsort(depth[_at(known)], kind="stable")]
    asking = known[:_MOST_QUERIES]  # those next to the hole
    patches = patches_round(image, known)
    features = _principal(patches, rng)
    _, found = cKDTree(features).query(features[: len(asking)], k=_NEIGHBOURS, eps=1.0)
    shifts = known[found] - asking[:, None]
    is_far = np.abs(shifts).max(axis=2) > _LEAST_SHIFT * shape.max()
    nearest = shifts[np.arange(len(asking)), is_far.argmax(axis=1)]
    votes = np.minimum(patches[: len(asking)].std(axis=1), _FLAT) * is_far.any(axis=1)
    counts = np.zeros(2 * shape + 1, np.float32)
    for sign in (1, -1):
        np.add.at(counts, _at(shape + sign * nearest), votes)
    counts = np.asarray(cv2.GaussianBlur(counts, (0, 0), _PEAK_SIGMA_PX), np.float32)
    peaks = np.argwhere((counts > 0) & (counts == maximum_filter(counts, _PEAK_WINDOW_PX)))
    peaks = peaks[np.argsort(-counts[_at(peaks)], kind="stable")] - shape
    peaks = peaks[np.abs(peaks).max(axis=1) > _LEAST_SHIFT * shape.max()][:_CANDIDATES]
    _, is_known = _look(image, mask, np.argwhere(mask)[:, None] + peaks)
    useful = peaks[is_known.mean(axis=0) > _LEAST_USE][:_SHIFTS]
    return useful[np.sort(rng.choice(len(useful), round(_SHARE_TRIED * len(useful)), replace=False))]


def known_patches(mask: Mask, *, reach_px: int = REACH_PX) -> Mask:
    """Return where a patch lies inside the picture and holds known pixels only."""
    reach = np.ones((2 * reach_px + 1,) * 2, np.uint8)
    return cv2.erode((~mask).astype(np.uint8), reach, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0


class _Pairs(NamedTuple):
    """Neighbouring pixels of a hole, by number, (P,) each, and what their labels cost together, (P, L, L)."""

    first: Tensor
    second: Tensor
    costs: Tensor


def _agree(image: FloatArray, mask: Mask, shifts: Places) -> Places:
    """Return for each pixel of the holes, in the order of `np.argwhere`, which shift it takes, (N,).

    Minimises by belief propagation what the pixels cost apart and what neighbours cost together.
    """
    pixels = np.argwhere(mask)
    colours, is_known = _look(image, mask, pixels[:, None] + shifts)
    tones, _ = _look(np.asarray(cv2.blur(image, (_TONE_PX, _TONE_PX))), mask, pixels[:, None] + shifts)
    alone = np.where(is_known, 0, _IMPOSSIBLE)
    for found, weight, most in ((colours, _PIXEL_WEIGHT, _PIXEL_MOST), (tones, _TONE_WEIGHT, _TONE_MOST)):
        strange = np.square(found - image[mask][:, None]).sum(axis=2)
        alone = alone + weight * np.minimum(strange, most)
    for side in _SIDES:
        for step in range(1, _RIM_PX + 1):
            rim = pixels + np.multiply(step, side)
            here, is_rim = _look(image, mask, rim)
            there, is_there = _look(image, mask, rim[:, None] + shifts)
            misfit = np.where(is_there, np.square(there - here[:, None]).sum(axis=2), 0.5)
            is_rim &= _look(image, mask, pixels + side)[1]
            alone += 2 * misfit * is_rim[:, None]
    costs = torch.from_numpy(alone.astype(np.float32))
    pairs = [_neighbours(mask, pixels, torch.from_numpy(colours), side) for side in _SIDES[:2]]
    forth = [torch.zeros(len(pair.first), len(shifts)) for pair in pairs]
    back = [torch.zeros_like(messages) for messages in forth]
    for _ in range(_MESSAGES):
        belief = _belief(costs, pairs, forth, back)
        for index, (first, second, together) in enumerate(pairs):
            given, taken = belief[first] - back[index], belief[second] - forth[index]
            forth[index] = (forth[index] + _calmed((given[:, :, None] + together).amin(dim=1))) / 2
            back[index] = (back[index] + _calmed((taken[:, None, :] + together).amin(dim=2))) / 2
    return _belief(costs, pairs, forth, back).argmin(dim=1).numpy()


def _neighbours(mask: Mask, pixels: Places, colours: Tensor, side: tuple[int, int]) -> _Pairs:
    """Return the pairs of hole pixels one of which lies at a side of the other.

    Two shifts cost as much as what they bring differs, at both pixels.
    """
    numbers = np.full(mask.shape, -1, np.int64)
    numbers[mask] = np.arange(len(pixels))
    beside = pixels + side
    inside = _clipped(beside, mask.shape)
    second = np.where((inside == beside).all(axis=1), numbers[_at(inside)], -1)
    first = torch.from_numpy(np.flatnonzero(second >= 0))
    other = torch.from_numpy(second[second >= 0])
    costs = _distances(colours[first]) + _distances(colours[other])
    return _Pairs(first, other, costs.clamp_max(_SEAM_MOST))


def _distances(colours: Tensor) -> Tensor:
    """Return the squared distances (N, L, L) between the colours (N, L, 3) of each pixel."""
    energy = colours.square().sum(dim=2)
    products = torch.bmm(colours, colours.transpose(1, 2))
    return (energy[:, :, None] + energy[:, None, :] - 2 * products).clamp_min(0)


def _belief(costs: Tensor, pairs: list[_Pairs], forth: list[Tensor], back: list[Tensor]) -> Tensor:
    belief = costs.clone()
    for pair, to_second, to_first in zip(pairs, forth, back, strict=True):
        belief.index_add_(0, pair.second, to_second)
        belief.index_add_(0, pair.first, to_first)
    return belief


def _calmed(messages: Tensor) -> Tensor:
    return messages - messages.amin(dim=1, keepdim=True)


def blend_parts(image: FloatArray, moved: FloatArray, mask: Mask, places: Places) -> FloatArray:
    """Return the picture whose gradients in the holes are closest to those of the moved regions (Poisson blending).

    What parts differ by where they meet is spread over them, the less the more it is: the tones of one sky even out,
    and a dark tree does not bleed into it. Across more than about 100 px tones do not quite even out.

    Args:
        image: (H, W, 3); what is known of it stays.
        moved: (H, W, 3), the parts in their places, to start from.
        mask: (H, W), True = hole.
        places: (H, W, 2), where the parts come from.
    """
    pixels = np.argwhere(mask)
    numbers = np.full(mask.shape, -1, np.int64)
    numbers[mask] = np.arange(len(pixels))
    sources, start = places[mask], moved[mask]
    own, is_own_known = _look(image, mask, sources)
    total = np.full(len(pixels), _PARTS_WEIGHT, np.float32)
    wanted = _PARTS_WEIGHT * start
    firsts, seconds, weights = [], [], []
    for side in _SIDES:
        beside = pixels + side
        inside = _clipped(beside, mask.shape)
        exists = (inside == beside).all(axis=1)
        second = np.where(exists, numbers[_at(inside)], -1)
        is_hole = second >= 0
        theirs, is_known = _look(image, mask, sources + side)
        step = np.where((is_known & is_own_known)[:, None], theirs - own, 0)
        other_source = sources[np.where(is_hole, second, 0)]
        ahead, is_ahead_known = _look(image, mask, other_source)
        behind, is_behind_known = _look(image, mask, other_source - side)
        other_step = np.where((is_ahead_known & is_behind_known)[:, None], ahead - behind, 0)
        step = np.where(is_hole[:, None], (step + other_step) / 2, step)
        misfit = np.square(moved[_at(inside)] - start - step).sum(axis=1)
        weight = exists / (1 + misfit / _STEP_KEPT**2)
        total += weight
        wanted -= step * weight[:, None]
        is_rim = exists & ~is_hole
        wanted[is_rim] += weight[is_rim, None] * image[_at(inside[is_rim])]
        firsts.append(np.flatnonzero(is_hole))
        seconds.append(second[is_hole])
        weights.append(weight[is_hole])
    rows, columns = np.concatenate(firsts), np.concatenate(seconds)
    size = (len(pixels), len(pixels))
    system = diags(total) - coo_matrix((np.concatenate(weights), (rows, columns)), size).tocsr()
    scaled = diags(1 / total)
    solved = [
        cg(system, wanted[:, channel], x0=start[:, channel], rtol=1e-4, maxiter=_BLENDING_STEPS, M=scaled)[0]
        for channel in range(3)
    ]
    blended = image.copy()
    blended[mask] = np.clip(np.stack(solved, axis=1), 0, 1)
    return blended


def _look(image: FloatArray, mask: Mask, places: Places) -> tuple[FloatArray, Mask]:
    """Return the colours (..., 3) at places, and whether they lie in the picture and are known."""
    inside = _clipped(places, mask.shape)
    return image[_at(inside)], (inside == places).all(axis=-1) & ~mask[_at(inside)]


def _clipped(places: Places, shape: tuple[int, ...]) -> Places:
    return np.asarray(np.clip(places, 0, np.array(shape) - 1), dtype=np.int64)


def _at(places: Places) -> tuple[Places, Places]:
    return places[..., 0], places[..., 1]


def patches_round(image: FloatArray, centres: Places) -> FloatArray:
    """Return the patches round places (N, 2) at least `REACH_PX` away from the border, (N, 147)."""
    steps = np.arange(-REACH_PX, REACH_PX + 1)
    offsets = (steps[:, None] * image.shape[1] + steps).ravel()
    around = (centres @ (image.shape[1], 1))[:, None] + offsets
    return image.reshape(-1, 3)[around].reshape(len(centres), 3 * len(offsets))


def _principal(patches: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the patches in their `_FEATURES` main directions."""
    centred = patches - patches.mean(axis=0)
    sample = centred[rng.choice(len(centred), min(len(centred), 2000), replace=False)]
    _, _, directions = np.linalg.svd(sample, full_matrices=False)
    return np.asarray(centred @ directions[:_FEATURES].T, dtype=np.float32)
