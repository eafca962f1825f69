"""The teacher cache: outputs of a slow teacher, stored once and reused for many patches.

A folder holds `answers.json`, which says whose answers these are, and one .npz file for each damaged picture, with it
("lq"), the photograph ("gt") and the answer ("answer"), all (H, W, 3) in 8 bits; those of held-out photographs begin
with "held-out".
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from restoration.arrays import FloatArray
from restoration.errors import InvalidRequest
from restoration.lab.training.config import Recipe, Teaching
from restoration.lab.training.dataset import Batch, PatchDataset, to_tensor
from restoration.lab.training.teacher import Teacher

_NOTE = "answers.json"
_HELD_OUT = "held-out"

Picture = npt.NDArray[np.uint8]


def are_answers(folder: Path) -> bool:
    """Return whether a teacher's answers lie in a folder."""
    return (folder / _NOTE).is_file()


_TEACHERS = ("model", "parameters", "scale", "degradation")
"""What a recipe that learns from answers has to share with the one that they were made for."""


def keep_answers(
    dataset: PatchDataset,
    teacher: Teacher,
    folder: Path,
    *,
    teaching: Teaching,
    count: int,
    device: torch.device,
    moved: Callable[[int], None] = lambda _: None,
) -> None:
    """Write a teacher's answers to the patches of a recipe, and to its held-out pictures; those that exist stay.

    Args:
        dataset: of the recipe, whose patches are better twice as wide as those that will be learnt from.
        folder: is made where it is absent.
        teaching: what the teacher was built from.
        count: how many pictures to learn from there shall be.
        device: where the teacher is.
        moved: is told after each how many there are.

    Raises:
        InvalidRequest: the recipe does not enlarge, answers of another recipe lie there, or the folder cannot be
            written to.
    """
    if dataset.recipe.scale == 1:
        raise InvalidRequest(
            f"Recipe {dataset.recipe.name} does not enlarge; answers are kept for those that do, as others are told a "
            "level or a mask beside the picture. Train it with the teacher at hand: `train` on the photographs."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _note_teacher(folder, dataset.recipe, teaching)
        for number, batch in enumerate(dataset.validation):
            file = folder / f"{_HELD_OUT}-{number:05d}.npz"
            if not file.exists():
                _write(file, batch.to(device), teacher)
        for number in range(count):
            file = folder / f"{number:06d}.npz"
            if not file.exists():
                _write(file, dataset.batch(number).to(device), teacher)
            moved(number + 1)
    except OSError as error:
        raise InvalidRequest(
            f"Answers cannot be written to {folder} ({error.strerror}); make room, or name another folder in --out. "
            "The same command goes on with those that are missing."
        ) from error


def _note_teacher(folder: Path, recipe: Recipe, teaching: Teaching) -> None:
    """Write down whose answers a folder will hold."""
    note = _note(recipe, teaching)
    if are_answers(folder) and _read_note(folder) != note:
        raise InvalidRequest(f"{folder} holds answers for another teacher or recipe; name another folder in --out.")
    (folder / _NOTE).write_text(json.dumps(note, indent=1), encoding="utf-8")


def _note(recipe: Recipe, teaching: Teaching) -> dict[str, Any]:
    return {
        "model": teaching.model,
        "parameters": dict(teaching.parameters),
        "scale": recipe.scale,
        "degradation": recipe.degradation,
        "light_share": recipe.light_share,
        "max_side_px": recipe.max_side_px,
        "patch_px": recipe.patch_px,
        "seed": recipe.seed,
    }


def _is_of(recipe: Recipe, teaching: Teaching, folder: Path) -> bool:
    """Return whether a folder holds answers of a recipe's teacher to what the recipe learns from."""
    there, wanted = _read_note(folder), _note(recipe, teaching)
    return all(there.get(name) == wanted[name] for name in _TEACHERS)


def _read_note(folder: Path) -> dict[str, Any]:
    try:
        note: dict[str, Any] = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{folder / _NOTE} cannot be read; make the answers again.") from error
    return note


def _write(file: Path, batch: Batch, teacher: Teacher) -> None:
    """Write the answer to a batch of one picture, whole or not at all."""
    partial = file.with_suffix(".partial")
    with partial.open("wb") as stream:
        np.savez(stream, lq=_eight_bits(batch.lq), gt=_eight_bits(batch.gt), answer=_eight_bits(teacher(batch.lq)))
    partial.replace(file)


def _eight_bits(picture: Tensor) -> Picture:
    """Return the only picture of (1, 3, H, W) in [0, 1]."""
    return (picture[0].permute(1, 2, 0) * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()


class AnsweredDataset:
    """Patches of pictures that a teacher has answered to; see the module.

    Raises:
        InvalidRequest: a folder holds no answers, those of another teacher than the recipe's, or none at all.
    """

    def __init__(self, recipe: Recipe, folders: Sequence[Path]) -> None:
        self.recipe = recipe
        if recipe.teaching is None:
            raise InvalidRequest(
                f"Recipe {recipe.name} has no teacher, but {folders[0]} holds a teacher's answers; add [teaching], or "
                "name folders of photographs."
            )
        for folder in folders:
            if not (are_answers(folder) and _is_of(recipe, recipe.teaching, folder)):
                raise InvalidRequest(
                    f"{folder} does not hold the answers of {recipe.teaching.model} to what recipe {recipe.name} "
                    "learns from; make them with `cache-teacher`."
                )
        found = [sorted(folder.glob("*.npz")) for folder in folders]
        files = [file for each in found for file in each]
        self._files = [file for file in files if not file.name.startswith(_HELD_OUT)]
        if not self._files:
            raise InvalidRequest(f"No answers lie in {folders[0]}; make them with `cache-teacher`.")
        learns_answers = recipe.teaching.share >= 0.5  # held against what is to be learnt
        self.validation = [
            Batch(lq, answer if learns_answers else gt, torch.zeros(1, 1, 1, 1), answer=answer)
            for lq, gt, answer in (
                map(to_tensor, ([_floats(picture)] for picture in _read(file)))
                for file in files
                if file.name.startswith(_HELD_OUT)
            )
        ]
        if not self.validation:
            raise InvalidRequest(f"No answers to held-out pictures lie in {folders[0]}; run `cache-teacher` again.")

    @property
    def count(self) -> int:
        return len(self._files)

    def batch(self, step: int) -> Batch:
        """Return the batch of a step; the same seed, step and files give the same batch on every machine."""
        rng = np.random.default_rng((self.recipe.seed, step))
        chosen = rng.integers(len(self._files), size=self.recipe.batch)
        lq, gt, answer = zip(*(self._cut(self._files[int(index)], rng) for index in chosen), strict=True)
        return Batch(to_tensor(lq), to_tensor(gt), torch.zeros(len(lq), 1, 1, 1), answer=to_tensor(answer))

    def _cut(self, file: Path, rng: np.random.Generator) -> list[FloatArray]:
        """Return a patch of a picture, of the photograph and of the answer, flipped and turned at random."""
        pictures = _read(file)
        side = self.recipe.patch_px
        if min(pictures[0].shape[:2]) < side:
            raise InvalidRequest(
                f"The pictures in {file.parent} are {pictures[0].shape[1]}x{pictures[0].shape[0]} px, smaller than "
                f"patches of {side} px; lower patch_px."
            )
        top, left = (int(rng.integers(length - side + 1)) for length in pictures[0].shape[:2])
        turns, flip = int(rng.integers(4)), bool(rng.integers(2))

        def cut(picture: Picture, factor: int) -> FloatArray:
            rows, columns = (slice(factor * start, factor * (start + side)) for start in (top, left))
            patch = np.rot90(picture[rows, columns], turns)
            return _floats(patch[:, ::-1] if flip else patch)

        factors = (1, self.recipe.scale, self.recipe.scale)
        return [cut(picture, factor) for picture, factor in zip(pictures, factors, strict=True)]


def _read(file: Path) -> tuple[Picture, Picture, Picture]:
    """Return the damaged picture, the photograph and the answer."""
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            return arrays["lq"], arrays["gt"], arrays["answer"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InvalidRequest(f"{file} cannot be read; remove it and run `cache-teacher` again.") from error


def _floats(picture: Picture) -> FloatArray:
    return picture.astype(np.float32) / np.float32(255)
