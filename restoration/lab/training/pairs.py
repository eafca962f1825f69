"""Datasets for low light: whole pictures at several exposures, and patches with the noise of brightening.

A folder with the folders `low` and `high` in it holds real pairs: `low/NAME_k.*`, or `low/NAME.*`, belongs to
`high/NAME.*`. All other folders hold clean photographs, which are darkened here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch

from restoration.algorithms.tone_curves import LUMA, Curves, apply_curves, brightness, flat_curves, offset_for
from restoration.arrays import FloatArray
from restoration.degradations.lowlight import underexpose
from restoration.errors import InvalidRequest
from restoration.lab.training.config import Recipe
from restoration.lab.training.damage import Damaged
from restoration.lab.training.dataset import Batch, PatchDataset, Photo, collate, find_photos, load_photo, to_tensor

_PAIR_SIDE_PX = 256  # half of the pairs' size, so that the JPEG artefacts of the targets are not learnt
_VALIDATION_EVERY = 16
_MOST_VALIDATION = 24
_CAST_STOPS = 0.35


class _Pair(NamedTuple):
    dark: Photo
    bright: Photo


class ExposureDataset:
    """Whole pictures that are too dark, and how they should look; the network is told the mean luma of the latter.

    Raises:
        InvalidRequest: a folder is absent, or too few pairs lie in them.
    """

    def __init__(self, recipe: Recipe, folders: Sequence[Path]) -> None:
        self.recipe = recipe
        paired = [folder for folder in folders if is_paired(folder)]
        plain = [folder for folder in folders if folder not in paired]
        pairs = [pair for folder in paired for pair in _read_pairs(folder, side_px=_PAIR_SIDE_PX)]
        self._share = recipe.pair_share if plain else 1.0
        if not pairs:
            raise InvalidRequest(
                "The recipe needs exposure pairs, at least to validate on; name a folder with the folders low and high."
            )
        held_out, self._pairs = _split(pairs)
        if self._share and not self._pairs:
            raise InvalidRequest(
                "At least two exposure pairs are needed, one to learn from and one held out, but 1 came; add more."
            )
        files = find_photos(plain) if plain else []
        self._photos = [load_photo(file, max_side_px=recipe.max_side_px, multiple=1) for file in files]
        self.validation = [self._held_out(pair) for pair in held_out[:_MOST_VALIDATION]]

    @property
    def count(self) -> int:
        return len(self._pairs) + len(self._photos)

    def batch(self, step: int) -> Batch:
        rng = np.random.default_rng((self.recipe.seed, step))
        return _told(
            [self._real(rng) if rng.random() < self._share else self._made(rng) for _ in range(self.recipe.batch)]
        )

    def _real(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return nearly the whole of a real pair."""
        pair = self._pairs[int(rng.integers(len(self._pairs)))]
        side = self.recipe.patch_px
        height, width = pair.dark.shape[:2]
        cut = int(rng.integers(min(side, height, width), min(height, width) + 1))
        top, left = int(rng.integers(height - cut + 1)), int(rng.integers(width - cut + 1))
        place = (slice(top, top + cut), slice(left, left + cut))
        turns, flip = int(rng.integers(4)), bool(rng.integers(2))
        dark, bright = (_turned(_squared(photo[place], side), turns, flip) for photo in pair)
        return dark, bright

    def _made(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return most of a clean photograph as it is, and as a camera would have taken it in the dark."""
        photo = self._photos[int(rng.integers(len(self._photos)))]
        shortest = min(photo.shape[:2])
        cut = int(rng.integers(max(1, shortest // 2), shortest + 1))
        top, left = (int(rng.integers(length - cut + 1)) for length in photo.shape[:2])
        piece = _squared(photo[top : top + cut, left : left + cut], self.recipe.patch_px)
        bright = _turned(piece, int(rng.integers(4)), bool(rng.integers(2)))
        stops = float(rng.uniform(0.5, 6.0))
        return underexpose(bright, rng=rng, stops=stops, cast_stops=_CAST_STOPS).noisy, bright

    def _held_out(self, pair: _Pair) -> Batch:
        side = min(_PAIR_SIDE_PX, *pair.dark.shape[:2])
        return _told([(_turned(_squared(pair.dark, side), 0, False), _turned(_squared(pair.bright, side), 0, False))])


class LiftedNoiseDataset(PatchDataset):
    """Patches of clean photographs, darkened with noise and lifted again, beside the same lift without the noise.

    The network is told the standard deviation of the noise, give or take, times the factor by which a pixel grew.
    """

    def batch(self, step: int) -> Batch:
        rng = np.random.default_rng((self.recipe.seed, step))
        chosen = rng.choice(len(self.photos), self.recipe.batch, p=self._weights)
        return self._lifted([self._cut(int(index), rng)[1] for index in chosen], rng)

    def _lifted(self, patches: Sequence[FloatArray], rng: np.random.Generator) -> Batch:
        pairs = [underexpose(patch, rng=rng, stops=float(rng.uniform(0, 6)), cast_stops=0.2) for patch in patches]
        noisy, clean = (to_tensor(pictures) for pictures in zip(*pairs, strict=True))
        wanted, slopes, errors = (
            torch.from_numpy(rng.uniform(low, high, (len(patches), 1, 1, 1)).astype(np.float32))
            for low, high in ((0.2, 0.6), (-0.6, 0.2), (0.75, 1.25))
        )
        curves = _even_curves(clean, slopes)
        curves = curves.raised(offset_for(clean, curves, torch.maximum(wanted, brightness(clean))))
        lifted, factor = apply_curves(noisy, curves)
        target, _ = apply_curves(clean, curves)
        sigma = (noisy - clean).square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
        return Batch(lq=lifted, gt=target, level=sigma * errors * factor)

    @property
    def _validation_multiple_px(self) -> int:
        return 16

    def _validation_set(self, photos: Sequence[Photo]) -> list[Batch]:
        batches, multiple = [], self._validation_multiple_px
        for number, patch in enumerate(photos):
            side = min(_PAIR_SIDE_PX, *patch.shape[:2]) // multiple * multiple
            if side:
                middle = patch[(patch.shape[0] - side) // 2 :, (patch.shape[1] - side) // 2 :][:side, :side]
                rng = np.random.default_rng((self.recipe.seed, 10**9, number))
                batches.append(self._lifted([middle.astype(np.float32) / np.float32(255)], rng))
        return batches


def is_paired(folder: Path) -> bool:
    """Tell whether a folder holds exposure pairs."""
    return (folder / "low").is_dir() and (folder / "high").is_dir()


def _read_pairs(folder: Path, *, side_px: int) -> list[_Pair]:
    """Return all pairs of a folder, both pictures shrunk to a long side of `side_px`."""
    bright = {file.stem: file for file in find_photos([folder / "high"])}
    loaded = {name: load_photo(file, max_side_px=side_px, multiple=1) for name, file in bright.items()}
    pairs = []
    for file in find_photos([folder / "low"]):
        name = file.stem if file.stem in loaded else file.stem.rsplit("_", 1)[0]
        if name not in loaded:
            raise InvalidRequest(f"{folder / 'high'} holds no partner of {file.name}; add it, or remove the dark one.")
        pair = _Pair(load_photo(file, max_side_px=side_px, multiple=1), loaded[name])
        if pair.dark.shape != pair.bright.shape:
            raise InvalidRequest(f"{file.name} and its partner in {folder / 'high'} differ in size; align them first.")
        pairs.append(pair)
    return pairs


def _split(pairs: Sequence[_Pair]) -> tuple[list[_Pair], list[_Pair]]:
    """Return the pairs held out and those to train on; all exposures of a scene share a bright picture and go together.

    Of a single scene, some exposures are held out.
    """
    scenes = list(dict.fromkeys(id(pair.bright) for pair in pairs))
    if len(scenes) < 2:
        return list(pairs[::_VALIDATION_EVERY]), [pair for n, pair in enumerate(pairs) if n % _VALIDATION_EVERY]
    apart = set(scenes[::_VALIDATION_EVERY])
    return (
        [pair for pair in pairs if id(pair.bright) in apart],
        [pair for pair in pairs if id(pair.bright) not in apart],
    )


def _even_curves(image: torch.Tensor, slopes: torch.Tensor) -> Curves:
    """Return curves with one slope for each picture."""
    flat = flat_curves(image)
    return replace(flat, slope=flat.slope + slopes)


def _squared(photo: Photo, side_px: int) -> Photo:
    """Return a photograph squeezed into a square: light does not mind."""
    kind = cv2.INTER_AREA if min(photo.shape[:2]) >= side_px else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(photo, (side_px, side_px), interpolation=kind), dtype=np.uint8)


def _turned(photo: Photo, turns: int, is_flipped: bool) -> FloatArray:
    turned = np.rot90(photo, turns)
    return np.ascontiguousarray(turned[:, ::-1] if is_flipped else turned).astype(np.float32) / np.float32(255)


def _told(pairs: Sequence[tuple[FloatArray, FloatArray]]) -> Batch:
    """Return (dark, bright) pictures as a batch whose level is the mean luma of the bright ones."""
    weights = np.array(LUMA, dtype=np.float32)
    return collate([(Damaged(dark, float((bright @ weights).mean())), bright) for dark, bright in pairs])
