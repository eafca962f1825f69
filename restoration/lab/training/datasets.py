"""Choose the dataset of a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from restoration.lab.training.config import Recipe
from restoration.lab.training.dataset import Dataset, PatchDataset
from restoration.lab.training.pairs import ExposureDataset, LiftedNoiseDataset
from restoration.lab.training.teacher_cache import AnsweredDataset, are_answers


def open_dataset(recipe: Recipe, folders: Sequence[Path]) -> Dataset:
    """Read the photographs that a recipe's degradation needs, or a teacher's answers where such lie in the folders.

    Raises:
        InvalidRequest: a folder is absent, or no pictures of the right form lie in any of them.
    """
    if any(map(are_answers, folders)):
        return AnsweredDataset(recipe, folders)
    if recipe.degradation == "exposure":
        return ExposureDataset(recipe, folders)
    if recipe.degradation == "lifted-noise":
        return LiftedNoiseDataset(recipe, folders)
    return PatchDataset(recipe, folders)
