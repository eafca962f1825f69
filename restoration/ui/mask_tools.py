"""Mask tools: find scratches, invert, clear, upload, download, grow, feather, and show the exact mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import gradio as gr
import numpy as np
from PIL import Image

from restoration.arrays import Mask
from restoration.diagnosis.scratches import find_scratches
from restoration.errors import InvalidMask
from restoration.service.uploads import Uploads
from restoration.ui import previews, status, text
from restoration.ui.components import MaskEditor, SourceImage, keep_file, picture_upload
from restoration.ui.failures import user_errors
from restoration.ui.form import ReadMask
from restoration.ui.upload import present

_INFO_S = 15
_MAX_GROW_PX = 50
_MAX_FEATHER_PX = 50

MarkedSoFar = Callable[[str, Sequence[Any] | None, str | None], Mask]
Sketch = Callable[[str, Mask | None], dict[str, Any]]


@dataclass(frozen=True)
class MaskButtons:
    """Buttons that change the mask immediately."""

    find: gr.Button
    invert: gr.Button
    clear: gr.Button


@dataclass(frozen=True)
class MaskOptions:
    """Options of the mask; `file` holds the mask so far."""

    accordion: gr.Accordion
    file: SourceImage
    sensitivity: gr.Slider
    grow: gr.Slider
    feather: gr.Slider
    show: gr.Button
    shown: gr.Image
    facts: gr.HTML
    download: gr.DownloadButton


def build_buttons() -> MaskButtons:
    """Place the buttons below the editor."""
    with gr.Row(elem_classes="actions"):
        find = gr.Button(text.FIND_SCRATCHES, size="sm", min_width=110, elem_id="inpaint-find")
        invert = gr.Button(text.INVERT_MASK, size="sm", min_width=100, elem_id="inpaint-invert")
        clear = gr.Button(text.CLEAR_MASK, size="sm", min_width=100, elem_id="inpaint-clear")
    return MaskButtons(find, invert, clear)


def build_options() -> MaskOptions:
    """Place the folded options."""
    with gr.Accordion(text.MASK_OPTIONS, open=False, elem_id="inpaint-mask-options") as accordion:
        file = picture_upload(
            label=text.MASK_FILE,
            placeholder=text.MASK_FILE_HINT,
            sources=["upload", "clipboard"],
            height=180,
            elem_id="inpaint-mask",
            elem_classes="picture",
        )
        sensitivity = gr.Slider(0, 1, value=0.5, step=0.1, label=text.SENSITIVITY, elem_id="inpaint-sensitivity")
        grow = gr.Slider(0, _MAX_GROW_PX, value=0, step=1, label=text.GROW, elem_id="inpaint-grow")
        feather = gr.Slider(0, _MAX_FEATHER_PX, value=0, step=1, label=text.FEATHER, elem_id="inpaint-feather")
        show = gr.Button(text.SHOW_MASK, size="sm", elem_id="inpaint-show-mask")
        shown = gr.Image(
            label=text.MASK_PREVIEW,
            visible=False,
            interactive=False,
            format="png",
            buttons=["fullscreen"],
            elem_id="inpaint-mask-preview",
        )
        facts = gr.HTML("", padding=False, elem_id="inpaint-mask-facts")
        download = gr.DownloadButton(text.DOWNLOAD_MASK, size="sm", visible=False, elem_id="inpaint-mask-download")
    return MaskOptions(accordion, file, sensitivity, grow, feather, show, shown, facts, download)


def wire(
    uploads: Uploads,
    *,
    source: gr.State,
    editor: MaskEditor,
    buttons: MaskButtons,
    options: MaskOptions,
    marked_so_far: MarkedSoFar,
    read_mask: ReadMask,
    sketch: Sketch,
) -> None:
    """Connect the tools.

    Args:
        marked_so_far: returns the mask from strokes and file.
        sketch: returns the editor value that shows a mask.
    """

    def fold(path: str, mask: Mask) -> tuple[Any, ...]:
        """Return updates that merge the strokes into the mask image."""
        file = keep_file(mask_file(mask), f"{previews.stem_of(path)}-mask.png") if mask.any() else None
        return sketch(path, mask if mask.any() else None), file, *_outdated()

    def find(path: str | None, layers: Any, mask_path: str | None, sensitivity: float) -> tuple[Any, ...]:
        with user_errors():
            checked = present(path)
            found = find_scratches(uploads.read(checked), sensitivity=float(sensitivity))
            if not found.any():
                raise InvalidMask(text.NO_SCRATCHES)
            gr.Info(text.SCRATCHES_FOUND.format(facts=facts_of(found)), duration=_INFO_S)
            return fold(checked, marked_so_far(checked, layers, mask_path) | found)

    def invert(path: str | None, layers: Any, mask_path: str | None) -> tuple[Any, ...]:
        with user_errors():
            checked = present(path)
            mask = marked_so_far(checked, layers, mask_path)
            if not mask.any():
                raise InvalidMask(text.NO_MASK)
            return fold(checked, ~mask)

    def take_file(path: str | None, layers: Any, mask_path: str | None) -> tuple[Any, ...]:
        if path is None:
            return gr.skip(), gr.skip(), *_outdated()
        with user_errors():
            return fold(path, marked_so_far(path, layers, mask_path))

    def clear(path: str | None) -> tuple[Any, ...]:
        with user_errors():
            return None if path is None else sketch(path, None), None, *_outdated()

    def show(path: str | None, *values: Any) -> tuple[Any, ...]:
        with user_errors():
            checked = present(path)
            mask = read_mask(checked, values).mask
            name = keep_file(mask_file(mask), f"{previews.stem_of(checked)}-mask.png")
            facts = status.caption(facts_of(mask))
            return gr.update(value=name, visible=True), facts, gr.update(value=name, visible=True)

    private: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    marked = [source, editor, options.file]
    outputs = [editor, options.file, options.shown, options.facts, options.download]
    buttons.find.click(find, inputs=[*marked, options.sensitivity], outputs=outputs, **private)
    buttons.invert.click(invert, inputs=marked, outputs=outputs, **private)
    buttons.clear.click(clear, inputs=source, outputs=outputs, **private)
    options.file.input(take_file, inputs=marked, outputs=outputs, **private)
    options.show.click(
        show,
        inputs=[*marked, options.grow, options.feather],
        outputs=[options.shown, options.facts, options.download],
        **private,
    )


def mask_file(mask: Mask) -> bytes:
    """Return a mask as a 1-bit PNG file, white where it is set."""
    return previews.png(Image.fromarray(mask.astype(np.uint8) * 255).convert("1"))


def facts_of(mask: Mask) -> str:
    """Return how much of the picture the mask covers, in how many regions."""
    count = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1
    return text.MASK_SHARE.format(share=100 * float(mask.mean()), count=count)


def _outdated() -> tuple[Any, ...]:
    """Return updates that hide the previous mask: preview, facts, download."""
    return gr.update(value=None, visible=False), "", gr.update(value=None, visible=False)
