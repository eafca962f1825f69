"""From strokes, mask picture and sliders to the mask that is restored with."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from gradio.components.image_editor import EditorData
from PIL import Image

from restoration.errors import InvalidMask
from restoration.images import read_mask as read_mask_file
from restoration.service.door import Service
from restoration.ui import components, text
from restoration.ui.demo import build_demo
from restoration.ui.inpaint import marked_so_far, read_mask
from restoration.ui.mask_tools import facts_of, mask_file

RED, GREEN = (225, 29, 72, 255), (22, 163, 74, 255)


@pytest.fixture
def picture(tmp_path: Path) -> str:
    Image.new("RGB", (60, 40)).save(tmp_path / "picture.png")
    return str(tmp_path / "picture.png")


def _layer(colour: tuple[int, int, int, int], columns: slice) -> Image.Image:
    samples = np.zeros((20, 30, 4), np.uint8)  # the editor shows a smaller preview
    samples[:, columns] = colour
    return Image.fromarray(samples)


def test_red_adds_to_the_mask_picture_and_green_takes_off(picture: str, tmp_path: Path) -> None:
    known = np.zeros((40, 60), np.bool_)
    known[:, 20:40] = True
    (tmp_path / "mask.png").write_bytes(mask_file(known))
    layers = [_layer(RED, slice(0, 5)), _layer(GREEN, slice(15, 30))]
    mask = marked_so_far(picture, layers, str(tmp_path / "mask.png"))
    assert np.flatnonzero(mask.all(axis=0)).tolist() == [*range(10), *range(20, 30)]
    assert not mask[:, 30:].any()


def test_mask_grows_and_carries_its_feather(picture: str) -> None:
    marked = read_mask(picture, [[_layer(RED, slice(10, 12))], None, 3, 2])
    assert np.flatnonzero(marked.mask.all(axis=0)).tolist() == list(range(17, 27))
    assert marked.feather_px == 2


@pytest.mark.parametrize(("columns", "words"), [(slice(0, 0), "The mask is empty"), (slice(0, 30), "whole picture")])
def test_empty_and_full_masks_are_refused(picture: str, columns: slice, words: str) -> None:
    with pytest.raises(InvalidMask, match=words):
        read_mask(picture, [[_layer(RED, columns)], None, 0, 0])


def test_mask_file_comes_back_as_it_was(rng: np.random.Generator) -> None:
    mask = rng.random((33, 47)) < 0.4
    np.testing.assert_array_equal(read_mask_file(mask_file(mask), size=(47, 33)), mask)


def test_facts_tell_share_and_places() -> None:
    mask = np.zeros((10, 20), np.bool_)
    mask[1, 1] = mask[8, 15] = True
    assert facts_of(mask) == "1.00 % of the picture in 2 regions"


def test_editor_keeps_nothing_that_is_sent_ahead() -> None:
    editor = components.MaskEditor()
    data = {"id": "sketch", "type": "layer", "index": "50000000"}
    editor.accept_blobs(SimpleNamespace(data=data, files=[("layer", bytes(300))]))
    assert editor.blob_storage == {}


def test_sketch_that_was_sent_ahead_is_refused_and_not_taken_for_an_empty_one() -> None:
    payload = EditorData(background=None, layers=[], composite=None, id="sketch")
    with pytest.raises(gr.Error, match=re.escape(text.BAD_SKETCH)):
        components.MaskEditor().preprocess(payload)


def test_browser_has_no_reason_to_send_layers_ahead(service: Service) -> None:
    page = build_demo(service)
    (editor,) = (block for block in page.blocks.values() if isinstance(block, components.MaskEditor))
    listened = {event for function in page.fns.values() for target, event in function.targets if target == editor._id}
    assert listened.isdisjoint({"change", "input"})


def test_layer_that_is_a_bomb_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(gr.Error, match=re.escape(text.BAD_SKETCH[:20])):
        components._open_layer(mask_file(np.zeros((40, 60), np.bool_)))
