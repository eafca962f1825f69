"""Masks as other programs write them mean what their author meant, or are refused by the reason."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from restoration.images import read
from tests.cases import files
from tests.cases.doors import Door, ways

_PHOTO = files.photo()
_HOLE = np.zeros(_PHOTO.shape[:2], bool)
_HOLE[12:24, 20:44] = True
_SHAPE = (*_HOLE.shape, 3)


def _png(samples: np.ndarray) -> bytes:
    return files.encoded(samples, "PNG")


def _on(ground: tuple[int, int, int], marks: tuple[int, int, int]) -> np.ndarray:
    return np.where(_HOLE[..., None], np.uint8(marks), np.uint8(ground)).astype(np.uint8)


def _palette(values: np.ndarray) -> bytes:
    image = Image.fromarray(values).convert("P")
    image.putdata(values.ravel().tolist())
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0] + [0] * 759)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


_SOFT = cv2.GaussianBlur(_HOLE.astype(np.float32), (0, 0), 2)
_ALPHA = np.where(_HOLE, 0, 255).astype(np.uint8)
_DARK_PHOTO = _PHOTO // 4
TAKEN: dict[str, Callable[[], bytes]] = {
    "white on black": lambda: _png(np.uint8(255) * _HOLE),
    "1 bit": lambda: files.encoded(_HOLE, "PNG"),
    "values 0 and 1": lambda: _png(_HOLE.astype(np.uint8)),
    "values 3 and 7": lambda: _png((3 + 4 * _HOLE).astype(np.uint8)),
    "16 bits": lambda: cv2.imencode(".png", np.uint16(65535) * _HOLE)[1].tobytes(),
    "16 bits, values 0 and 255": lambda: cv2.imencode(".png", np.uint16(255) * _HOLE)[1].tobytes(),
    "16 bits, values 0 and 4095": lambda: cv2.imencode(".png", np.uint16(4095) * _HOLE)[1].tobytes(),
    "red on black": lambda: _png(_on((0, 0, 0), (255, 0, 0))),
    "blue on black": lambda: _png(_on((0, 0, 0), (0, 0, 255))),
    "red on white": lambda: _png(_on((255, 255, 255), (255, 0, 0))),
    "red on black as JPEG": lambda: files.encoded(_on((0, 0, 0), (255, 0, 0)), "JPEG", quality=95, subsampling=0),
    "white on black as JPEG": lambda: files.encoded(np.uint8(255) * _HOLE, "JPEG", quality=80),
    "palette of labels": lambda: _palette(_HOLE.astype(np.uint8)),
    "soft edges": lambda: _png(np.rint(255 * _SOFT).astype(np.uint8)),
    "transparent hole": lambda: _png(np.dstack([_PHOTO, _ALPHA])),
    "transparent hole in black": lambda: _png(np.dstack([_PHOTO * (_ALPHA > 0)[..., None], _ALPHA])),
    "transparent hole in a dark photo": lambda: _png(np.dstack([_DARK_PHOTO, _ALPHA])),
    "transparent hole in WebP": lambda: files.encoded(np.dstack([_PHOTO, _ALPHA]), "WEBP", lossless=True, exact=True),
    "strokes on a layer": lambda: _png(np.dstack([np.zeros(_SHAPE, np.uint8), 255 - _ALPHA])),
    "red strokes on a layer": lambda: _png(np.dstack([np.full(_SHAPE, (255, 0, 0), np.uint8), 255 - _ALPHA])),
    "faint strokes on a layer": lambda: _png(np.dstack([np.zeros(_SHAPE, np.uint8), (255 - _ALPHA) // 3])),
}


@pytest.mark.parametrize(
    ("door", "kind"),
    ways(list(TAKEN), few=["values 0 and 1", "red on black", "transparent hole", "16 bits, values 0 and 255"]),
    indirect=["door"],
)
def test_mask_fills_what_its_author_marked_and_nothing_else(door: Door, tmp_path: Path, kind: str) -> None:
    photo, mask = tmp_path / "photo.png", tmp_path / "mask.img"
    photo.write_bytes(_png(_PHOTO))
    mask.write_bytes(TAKEN[kind]())
    brought = door(photo, task="inpaint", model="telea", mask=mask)
    changed = (read(brought.content).to_array() != _PHOTO).any(axis=2)
    tolerance = 1 if "JPEG" in kind else 0
    grown = cv2.dilate(_HOLE.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=tolerance) > 0
    assert not changed[~grown].any()
    assert changed[_HOLE].mean() > 0.9


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "labels 0, 1 and 2": (lambda: _png(_HOLE.astype(np.uint8) + (_HOLE & (np.arange(64) > 30))), "0 to 2 of 255"),
    "a photo": (lambda: _png(_PHOTO), "looks like a photograph"),
    "a gray photo": (lambda: _png(_PHOTO[..., 1]), "looks like a photograph"),
    "black": (lambda: _png(np.zeros(_SHAPE, np.uint8)), "empty"),
    "white": (lambda: _png(np.full(_SHAPE, 255, np.uint8)), "whole picture"),
}


@pytest.mark.parametrize(("door", "kind"), ways(list(REFUSED), few=["labels 0, 1 and 2"]), indirect=["door"])
def test_mask_that_could_mean_anything_is_refused_by_the_reason(door: Door, tmp_path: Path, kind: str) -> None:
    make, words = REFUSED[kind]
    photo, mask = tmp_path / "photo.png", tmp_path / "mask.png"
    photo.write_bytes(_png(files.photo()))
    mask.write_bytes(make())
    brought = door(photo, task="inpaint", model="telea", mask=mask)
    assert brought.path is None
    assert words in brought.said
