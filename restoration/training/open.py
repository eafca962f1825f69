"""Which dataset a recipe learns from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from restoration.training.config import Recipe
from restoration.training.dataset import Dataset, PatchDataset
from restoration.training.pairs import ExposureDataset, LiftedNoiseDataset


def open_dataset(recipe: Recipe, folders: Sequence[Path]) -> Dataset:
    """Read the photographs that a recipe's degradation needs.

    Raises:
        InvalidRequest: a folder is absent, or no pictures of the right form lie in any of them.
    """
    if recipe.degradation == "exposure":
        return ExposureDataset(recipe, folders)
    if recipe.degradation == "lifted-noise":
        return LiftedNoiseDataset(recipe, folders)
    return PatchDataset(recipe, folders)
