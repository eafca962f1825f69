"""Going on with a result in another tab."""

from __future__ import annotations

import functools
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from restoration.service.uploads import Uploads
from restoration.ui import text
from restoration.ui.components import keep_file
from restoration.ui.send_to_tab import Arrival, _take
from restoration.ui.upload import take_file


@pytest.fixture
def arrival() -> Arrival:
    return Arrival("inpaint", functools.partial(take_file, Uploads()), [], follow=lambda _: None)


def test_result_becomes_the_picture_of_the_other_tab(arrival: Arrival, tmp_path: Path) -> None:
    file = tmp_path / "restored.png"
    Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(file)
    kept = keep_file(file.read_bytes(), "restored.png")
    tab, source, shown, caption = _take(arrival, kept)
    assert tab == gr.update(selected="inpaint")
    assert source == shown == kept
    assert "30 × 20 px, PNG" in caption


def test_result_that_browsers_cannot_show_is_kept_beside_its_preview(arrival: Arrival) -> None:
    from restoration.images import encode, read

    picture = read(np.full((20, 30, 3), 40_000, np.uint16))
    kept = keep_file(encode(picture, "TIFF"), "restored.tif")
    _, source, shown, _ = _take(arrival, kept)
    assert source == kept
    with Image.open(shown) as preview:
        assert preview.format == "PNG"


def test_without_a_result_there_is_a_sentence(arrival: Arrival) -> None:
    with pytest.raises(gr.Error, match="restore a picture first"):
        _take(arrival, None)
    assert "restore a picture first" in text.NO_RESULT
