"""Patches from folders of clean photographs, degraded on the fly; step n always gives the same batch."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from restoration.arrays import FloatArray
from restoration.degradations.resize import downscale
from restoration.errors import InvalidImage, InvalidRequest
from restoration.images import gray_of, read
from restoration.lab.training.config import Recipe
from restoration.lab.training.damage import Damaged, damage, damage_for_validation

log = logging.getLogger(__name__)

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
_VALIDATION_SIDE_PX = 256

Photo = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Batch:
    """Inputs and targets of one step: `lq` (B, 3, H, W), `gt` (B, 3, scale*H, scale*W), `level` (B, maps, 1, 1).

    The level is what the network is told of the damage: sigma for noise, 0 where it is told nothing; (B, maps, H, W)
    where it differs from pixel to pixel. For dark pictures it is the mean brightness that is wanted. The mask,
    (B, 1, H, W), is 1 where pixels are lost; None where the task has none. The answer, of the same shape as `gt`, is a
    teacher's; None where it is not known.
    """

    lq: Tensor
    gt: Tensor
    level: Tensor
    mask: Tensor | None = None
    answer: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device, its pictures with their channels last."""

        def place(tensor: Tensor) -> Tensor:
            return tensor.to(device).contiguous(memory_format=torch.channels_last)

        mask = None if self.mask is None else place(self.mask)
        answer = None if self.answer is None else self.answer.to(device)
        return Batch(place(self.lq), self.gt.to(device), self.level.to(device), mask, answer)


class Dataset(Protocol):
    """What a trainer needs: batches that depend on nothing but the step, and held-out ones."""

    @property
    def validation(self) -> Sequence[Batch]:
        """Held-out pictures, damaged once and for all."""

    @property
    def count(self) -> int:
        """How many photographs are learnt from."""

    def batch(self, step: int) -> Batch:
        """Return the batch of a step; the same seed and step give the same batch on every machine."""


def find_photos(folders: Sequence[Path]) -> list[Path]:
    """Return all picture files below the folders, each once, in an order that does not depend on where these lie.

    They are sorted by their names (see `named_photos`).

    Raises:
        InvalidRequest: a folder is absent or no pictures lie in any of them.
    """
    return [file for _, file in named_photos(folders)]


def named_photos(folders: Sequence[Path]) -> list[tuple[str, Path]]:
    """Return all picture files below the folders, each once, after their names: that of the folder and what follows it.

    They are sorted by name; two folders of one name may hold two files of one name.

    Raises:
        InvalidRequest: a folder is absent or no pictures lie in any of them.
    """
    for folder in folders:
        if not folder.is_dir():
            raise InvalidRequest(f"Training folder {folder} does not exist; name a folder of photographs.")
    found = [
        (f"{_name_of(folder)}/{file.relative_to(folder).as_posix()}", file)
        for folder in folders
        for file in folder.rglob("*")
        if file.suffix.lower() in SUFFIXES
    ]
    if not found:
        raise InvalidRequest(
            f"No pictures lie in {', '.join(map(str, folders))}; put {', '.join(SUFFIXES)} files there."
        )
    once: dict[Path, tuple[str, Path]] = {}
    for name, file in sorted(found, key=lambda each: each[0]):
        once.setdefault(file.resolve(), (name, file))
    return list(once.values())


def _name_of(folder: Path) -> str:
    """Return a folder's name, also of one that is given as "." or ".."."""
    return folder.resolve().name if folder.name in ("", "..") else folder.name


def is_held_out(index: int, share: float) -> bool:
    """Tell whether a photograph is kept for validation: the first of all, and evenly spaced ones up to the share."""
    nearly_whole = 1e-9  # 3 * (1 / 3) may fall short of 1
    return math.floor(index * share + nearly_whole) != math.floor((index - 1) * share + nearly_whole)


class PatchDataset:
    """Hold photographs in memory and cut patches from them.

    For super-resolution from bicubic shrinking the photographs are shrunk whole, as test sets are.

    Raises:
        InvalidRequest: a folder is absent, or too few or too small photographs lie in them.
    """

    def __init__(self, recipe: Recipe, folders: Sequence[Path]) -> None:
        self.recipe = recipe
        files = find_photos(folders)
        if len(files) < 2:
            raise InvalidRequest(
                "At least two photographs are needed, one to learn from and one held out, but 1 came; add more."
            )
        photos = [load_photo(file, max_side_px=recipe.max_side_px, multiple=recipe.scale) for file in files]
        least_px = recipe.patch_px * recipe.scale
        held_out = [photo for index, photo in enumerate(photos) if is_held_out(index, recipe.held_out)]
        self.photos = [
            photo
            for index, photo in enumerate(photos)
            if not is_held_out(index, recipe.held_out) and min(photo.shape[:2]) >= least_px
        ]
        if too_small := len(photos) - len(held_out) - len(self.photos):
            log.info("%d photographs are left out: a side is shorter than %d px", too_small, least_px)
        if not self.photos:
            raise InvalidRequest(
                f"None of the photographs to learn from has both sides of at least {least_px} px; add larger ones."
            )
        self._small = [_shrink(photo, recipe.scale) for photo in self.photos] if recipe.degradation == "bicubic" else []
        areas = np.array([photo.shape[0] * photo.shape[1] for photo in self.photos], dtype=np.float64)
        self._weights = areas / areas.sum()
        self.validation = self._validation_set(held_out)
        if not self.validation:
            raise InvalidRequest(
                f"None of the {len(held_out)} photographs held out to validate on has both sides of at least "
                f"{self._validation_multiple_px} px; add larger ones."
            )

    @property
    def count(self) -> int:
        return len(self.photos)

    @property
    def _validation_multiple_px(self) -> int:
        """What the sides of held-out crops are multiples of."""
        return 8 * self.recipe.scale

    def batch(self, step: int) -> Batch:
        """Return the batch of a step; the same seed and step give the same batch on every machine."""
        recipe = self.recipe
        rng = np.random.default_rng((recipe.seed, step))
        pairs = [self._pair(int(index), rng) for index in rng.choice(len(self.photos), recipe.batch, p=self._weights)]
        return collate(pairs)

    def _pair(self, index: int, rng: np.random.Generator) -> tuple[Damaged, FloatArray]:
        """Return a damaged patch and the clean one."""
        small, large = self._cut(index, rng)
        is_gray = self.recipe.gray_share > 0 and bool(rng.random() < self.recipe.gray_share)
        if is_gray:
            large = _as_three(gray_of(large)[..., None])
        damaged = Damaged(small) if small is not None else damage(large, self.recipe, rng)
        if is_gray:
            damaged = damaged._replace(picture=_as_three(damaged.picture[..., :1]))
        if damaged.target is not None:
            large = damaged.picture if is_gray else damaged.target
        return damaged, large

    def _cut(self, index: int, rng: np.random.Generator) -> tuple[FloatArray | None, FloatArray]:
        """Return one patch in full resolution, flipped and turned at random, and the shrunk one where that exists."""
        scale, side = self.recipe.scale, self.recipe.patch_px
        photo = self.photos[index]
        if self.recipe.most_shrunk > 1:
            return None, self._shrunk_cut(photo, rng)
        top = int(rng.integers(photo.shape[0] // scale - side + 1))
        left = int(rng.integers(photo.shape[1] // scale - side + 1))
        turns, flip = int(rng.integers(4)), bool(rng.integers(2))

        def cut(photo: Photo, factor: int) -> FloatArray:
            rows, columns = (slice(factor * start, factor * (start + side)) for start in (top, left))
            patch = np.rot90(photo[rows, columns], turns)
            return (patch[:, ::-1] if flip else patch).astype(np.float32) / np.float32(255)

        return cut(self._small[index], 1) if self._small else None, cut(photo, scale)

    def _shrunk_cut(self, photo: Photo, rng: np.random.Generator) -> FloatArray:
        """Return a patch that was cut larger and shrunk, flipped and turned at random."""
        side = self.recipe.patch_px
        most = min(side * self.recipe.most_shrunk, *photo.shape[:2])
        cut = round(float(np.exp(rng.uniform(np.log(side), np.log(most)))))
        top, left = (int(rng.integers(length - cut + 1)) for length in photo.shape[:2])
        patch = cv2.resize(photo[top : top + cut, left : left + cut], (side, side), interpolation=cv2.INTER_AREA)
        turned = np.rot90(patch, int(rng.integers(4)))
        return (turned[:, ::-1] if rng.integers(2) else turned).astype(np.float32) / np.float32(255)

    def _validation_set(self, photos: Sequence[Photo]) -> list[Batch]:
        """Return central crops, damaged at middle strength, of the photographs that are large enough."""
        recipe, multiple, batches = self.recipe, self._validation_multiple_px, []
        for number, photo in enumerate(photos):
            side = min(_VALIDATION_SIDE_PX, *photo.shape[:2]) // multiple * multiple
            if side == 0:
                continue
            top, left = (photo.shape[0] - side) // 2, (photo.shape[1] - side) // 2
            gt = photo[top : top + side, left : left + side].astype(np.float32) / np.float32(255)
            rng = np.random.default_rng((recipe.seed, 10**9, number))
            batches.append(collate([(damage_for_validation(gt, recipe, rng), gt)]))
        return batches


def load_photo(file: Path, *, max_side_px: int, multiple: int) -> Photo:
    """Read a photograph, shrink it to the longest side allowed and cut it to a multiple of the scale.

    Raises:
        InvalidRequest: the file cannot be read.
    """
    try:
        photo = np.rint(read(file).pixels * 255.0).astype(np.uint8)
    except (InvalidImage, OSError) as error:
        raise InvalidRequest(f"Training picture {file} cannot be read; remove or replace it. ({error})") from error
    factor = max_side_px / max(photo.shape[:2])
    if factor < 1:
        size = (round(photo.shape[1] * factor), round(photo.shape[0] * factor))
        photo = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    height, width = (side // multiple * multiple for side in photo.shape[:2])
    return np.ascontiguousarray(photo[:height, :width])


def _as_three(gray: FloatArray) -> FloatArray:
    return np.repeat(gray, 3, axis=2)


def _shrink(photo: Photo, scale: int) -> Photo:
    if scale == 1:
        return photo
    return np.rint(downscale(photo.astype(np.float32) / 255.0, scale=scale) * 255.0).astype(np.uint8)


def collate(pairs: Sequence[tuple[Damaged, FloatArray]]) -> Batch:
    """Return damaged and clean pictures of one size, each (H, W, 3), as a batch."""
    masks = [damaged.mask for damaged, _ in pairs if damaged.mask is not None]
    return Batch(
        lq=to_tensor([damaged.picture for damaged, _ in pairs]),
        gt=to_tensor([clean for _, clean in pairs]),
        level=torch.tensor([damaged.level for damaged, _ in pairs], dtype=torch.float32).reshape(len(pairs), -1, 1, 1),
        mask=to_tensor([mask[..., None] for mask in masks]) if masks else None,
    )


def to_tensor(pictures: Sequence[FloatArray]) -> Tensor:
    """Return pictures (H, W, C) of one size as (B, C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(np.stack(pictures).transpose(0, 3, 1, 2)))
