"""Blind comparisons: two models side by side without their names, to be judged by a person.

What no score sees, invented texture or a soft edge, an eye does; an eye that knows whose picture it sees, sees more
than there is.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from restoration.errors import InvalidRequest
from restoration.lab.bench.sheet import Crop

_KEY = "key.json"
_GAP_PX = 24
_SHOWN_PX = 512
_SIDES = ("L", "R")


def write_pairs(rows: Iterable[tuple[Crop, Crop]], folder: Path, *, seed: int) -> int:
    """Write a picture per pair, "01.png" and so on, its sides drawn by lot, and the key; return how many.

    Args:
        rows: the same crop of two models, each with the model's name.
        folder: is made where it is absent.

    Raises:
        InvalidRequest: the folder cannot be written to.
    """
    rng = random.Random(seed)  # noqa: S311 - a lot that can be drawn again, no secret
    key: dict[str, dict[str, str]] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, row in enumerate(rows, start=1):
            pair = rng.sample(row, 2)
            name = f"{number:02d}.png"
            _side_by_side(pair).save(folder / name)
            key[name] = dict(zip(_SIDES, (model for model, _ in pair), strict=True))
        (folder / _KEY).write_text(json.dumps(key, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"Pairs cannot be written to {folder} ({error.strerror}); name another folder.") from error
    return len(key)


def count_verdicts(folder: Path, verdicts: str) -> Mapping[str, int]:
    """Return how often each model was called better, and under "" how often neither was.

    Args:
        folder: of `write_pairs`.
        verdicts: for each pair in order "L", "R" or "=", with or without spaces.

    Raises:
        InvalidRequest: the folder has no key, or these are not as many such letters.
    """
    try:
        key: dict[str, dict[str, str]] = json.loads((folder / _KEY).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{folder} holds no pairs; make them with `bench pairs`.") from error
    said = "".join(verdicts.upper().split())
    if len(said) != len(key) or set(said) - {*_SIDES, "="}:
        raise InvalidRequest(f"Give {len(key)} verdicts for {folder}, each L, R or =; these are {len(said)}.")
    counts = Counter({model: 0 for sides in key.values() for model in sides.values()})
    counts.update(key[name].get(side, "") for name, side in zip(key, said, strict=True))
    return counts


def _side_by_side(pair: Iterable[Crop]) -> Image.Image:
    """Return both crops, small ones enlarged by whole pixels, with a gap between them."""
    crops = [samples for _, samples in pair]
    factor = max(1, _SHOWN_PX // max(crops[0].shape[:2]))
    shown = [crop.repeat(factor, axis=0).repeat(factor, axis=1) for crop in crops]
    gap = np.full((shown[0].shape[0], _GAP_PX, 3), 255, np.uint8)
    return Image.fromarray(np.concatenate([shown[0], gap, shown[1]], axis=1))
