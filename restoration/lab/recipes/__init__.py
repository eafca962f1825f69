"""The training recipes that ship, one TOML file each."""

from __future__ import annotations

from pathlib import Path

RECIPES = Path(__file__).resolve().parent


def find_recipe(name: Path | str) -> Path:
    """Return the file of a recipe that ships, or the path as it is."""
    shipped = RECIPES / f"{name}.toml"
    return shipped if shipped.exists() else Path(name)
