"""The events of the page, called without a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.block_function import BlockFunction
from PIL import ExifTags, Image

from restoration.service import Service
from restoration.ui import text
from restoration.ui.demo import build_demo
from tests.ui import pictures


@pytest.fixture
def page(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> gr.Blocks:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "files"))
    return build_demo(service)


@pytest.fixture
def photo(tmp_path: Path) -> str:
    """A picture that says where it was taken."""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    Image.fromarray(pictures.pixels()).save(tmp_path / "photo.jpg", exif=exif)
    return str(tmp_path / "photo.jpg")


def _function(page: gr.Blocks, name: str, *, changes: str) -> BlockFunction:
    """Return the callback of that name that changes the component of that id."""
    return next(
        each
        for each in page.fns.values()
        if each.name == name and changes in {component.elem_id for component in each.outputs}
    )


def _values(function: BlockFunction, path: str, **chosen: Any) -> list[Any]:
    """Return the inputs of a callback: run "ticket" on a picture, with other values than the first by label."""
    values = [chosen.get(getattr(each, "label", None) or "", getattr(each, "value", None)) for each in function.inputs]
    values[:2] = ["ticket", path]
    return values


def test_result_with_the_place_is_not_mixed_again_once_the_place_is_to_go(page: gr.Blocks, photo: str) -> None:
    run, mix = (_function(page, name, changes="denoise-slider") for name in ("run", "mix"))
    chosen = {text.MODEL: "adaptive-median", text.KEEP_GPS: True}
    *_, last = run.fn(*_values(run, photo, **chosen))
    with Image.open(last[2]["value"]) as image:
        assert image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
    assert mix.fn(*_values(mix, photo, **chosen))[2]["value"] is not None
    chosen[text.KEEP_GPS] = False
    assert mix.fn(*_values(mix, photo, **chosen)) == (gr.skip(), gr.skip(), gr.skip())
