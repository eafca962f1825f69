"""The button that ends an anytime method with what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio.block_function import BlockFunction
from PIL import Image

from restoration.service.door import Service
from restoration.ui.demo import build_demo


def _inputs_of(function: BlockFunction) -> dict[str | None, int]:
    return {component.elem_id: place for place, component in enumerate(function.inputs)}


def _named(functions: list[BlockFunction], name: str, *, tab: str) -> BlockFunction:
    """Return the callback of that name whose last output belongs to a tab."""
    return next(each for each in functions if each.name == name and each.outputs[-1].elem_id == f"{tab}-take")


@pytest.fixture
def photo(tmp_path: Path, rng: np.random.Generator) -> str:
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


def test_button_appears_with_the_first_preview_and_ends_the_run(
    service: Service, photo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    functions = list(build_demo(service).fns.values())
    run, take = (_named(functions, name, tab="denoise") for name in ("run", "take"))
    values: list[Any] = [getattr(component, "value", None) for component in run.inputs]
    places = _inputs_of(run)
    values[:2] = ["ticket", photo]
    values[places["denoise-model"]] = "deep-image-prior"
    shown = []
    for updates in run.fn(*values):
        shown.append(updates)
        if isinstance(updates[0], tuple):
            take.fn("ticket")
    assert all(updates[-1].get("visible") is None for updates in shown[:2])
    assert any(updates[-1].get("visible") for updates in shown)
    assert shown[-1][-1]["visible"] is False
    assert "Taken after" in shown[-1][1]
