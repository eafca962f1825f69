"""The tab that fills what is painted over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import numpy.typing as npt
from PIL import Image

from restoration.errors import InvalidMask, RestorationError
from restoration.images import grow_mask, mask_from_layers
from restoration.images import read_mask as read_mask_file
from restoration.service import Service
from restoration.types import Task
from restoration.ui import callbacks, panel, previews, status, text
from restoration.ui.components import MaskEditor, keep_file, picture_upload

_BRUSH_COLOUR = "#e11d48"
_BRUSH_PX = 16
_MAX_GROW_PX = 50


def build(service: Service) -> None:
    """Place the tab into the layout that is open.

    The upload gives way to the editor as soon as there is a picture. The editor shows an 8-bit preview; what is
    restored is the file itself, so that everything outside the mask stays as it was.
    """
    with gr.Tab(text.TAB_INPAINT, id="inpaint"):
        gr.Markdown(text.INTRO_INPAINT, elem_classes="intro")
        with gr.Row(elem_classes="workspace"):
            with gr.Column(scale=5, min_width=320):
                with gr.Column(elem_classes="step") as upload_step:
                    picture = panel.build_picture("inpaint")
                with gr.Column(visible=False, elem_classes="step") as paint_step:
                    editor = _build_editor()
                    caption = gr.HTML("", padding=False, elem_id="inpaint-paint-caption")
                    with gr.Row(elem_classes="actions"):
                        clear = gr.Button(text.CLEAR_MASK, size="sm", min_width=100, elem_id="inpaint-clear")
                        other = gr.Button(text.OTHER_PICTURE, size="sm", min_width=140, elem_id="inpaint-other")
                examples, paths = panel.build_examples("inpaint-", prefix="inpaint")
                with gr.Accordion(text.MASK_OPTIONS, open=False, elem_id="inpaint-mask-options") as mask_options:
                    mask_file = picture_upload(
                        label=text.MASK_FILE,
                        placeholder=text.MASK_FILE_HINT,
                        sources=["upload", "clipboard"],
                        height=180,
                        elem_id="inpaint-mask",
                        elem_classes="picture",
                    )
                    grow = gr.Slider(0, _MAX_GROW_PX, value=0, step=1, label=text.GROW, elem_id="inpaint-grow")
                    invert = gr.Checkbox(False, label=text.INVERT, elem_id="inpaint-invert")
                    show = gr.Button(text.SHOW_MASK, size="sm", elem_id="inpaint-show-mask")
                    shown = gr.Image(
                        label=text.MASK_PREVIEW,
                        visible=False,
                        interactive=False,
                        format="png",
                        buttons=["fullscreen"],
                        elem_id="inpaint-mask-preview",
                    )
                settings = panel.build_settings(
                    service, tasks=[Task.INPAINT], task=gr.State(Task.INPAINT.value), prefix="inpaint"
                )
                buttons = panel.build_buttons("inpaint")
            with gr.Column(scale=7, min_width=320):
                result = panel.build_result(buttons, prefix="inpaint")

    mask_inputs = [editor, mask_file, invert, grow]
    callbacks.wire_restore(
        service,
        source=picture.source,
        settings=settings,
        result=result,
        mask_inputs=mask_inputs,
        read_mask=read_mask,
    )
    private: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    steps = [picture.source, editor, caption, upload_step, paint_step]
    picture.image.input(
        _start_painting,
        inputs=picture.image,
        outputs=steps,
        show_progress="minimal",
        show_progress_on=picture.image,
        concurrency_limit=callbacks.CONCURRENT_RUNS,
        api_visibility="private",
    )
    other.click(_start_over, outputs=[*steps, picture.image, mask_file, shown], **private)
    clear.click(_clear_mask, inputs=picture.source, outputs=[editor, mask_file, shown], **private)
    show.click(_show_mask, inputs=[picture.source, *mask_inputs], outputs=shown, **private)
    if examples is not None:
        examples.click(
            lambda index: _take_example(paths[index]),
            inputs=examples,
            outputs=[*steps, mask_file, shown, mask_options],
            **private,
        )


def read_mask(source: str, values: Sequence[Any]) -> npt.NDArray[np.bool_]:
    """Return what is to be replaced, at the size of the original: strokes and mask picture, inverted, then grown.

    Args:
        values: painted layers, path of the mask picture or None, invert, pixels to grow by.

    Raises:
        InvalidMask: nothing is marked, or the mask picture is of another size.
    """
    layers, mask_path, is_inverted, grow_px = values
    size = previews.original_size(source)
    mask = mask_from_layers(layers or [], size=size)
    if mask_path is not None:
        mask = mask | read_mask_file(Path(mask_path), size=size)
    if not mask.any():
        raise InvalidMask(text.NO_MASK)
    if is_inverted:
        mask = ~mask
    return grow_mask(mask, px=int(grow_px))


def _build_editor() -> MaskEditor:
    return MaskEditor(
        label=text.PAINT,
        type="pil",
        image_mode="RGBA",
        sources=(),
        transforms=(),
        layers=False,
        brush=gr.Brush(default_size=_BRUSH_PX, colors=[_BRUSH_COLOUR], default_color=_BRUSH_COLOUR, color_mode="fixed"),
        eraser=gr.Eraser(default_size=_BRUSH_PX),
        buttons=["fullscreen"],
        height=420,
        format="png",
        elem_id="inpaint-editor",
    )


def _sketch(background: Image.Image) -> dict[str, Any]:
    """Return an editor value without strokes; the editor of Gradio 6.31 misplaces layers that it is given."""
    return {"background": keep_file(previews.png(background), "picture.png"), "layers": [], "composite": None}


def _start_painting(path: str | None) -> tuple[Any, ...]:
    if path is None:
        return None, None, "", gr.skip(), gr.skip()
    try:
        line = previews.caption_of(path)
        background = previews.editor_preview(path)
    except RestorationError as error:
        gr.Warning(str(error))
        return None, None, "", gr.skip(), gr.skip()
    caption = status.caption(f"{line}. {text.PAINT_HINT}")
    return path, _sketch(background), caption, gr.update(visible=False), gr.update(visible=True)


def _start_over() -> tuple[Any, ...]:
    hidden = gr.update(value=None, visible=False)
    return None, None, "", gr.update(visible=True), gr.update(visible=False), None, None, hidden


def _clear_mask(source: str | None) -> tuple[Any, ...]:
    with callbacks.user_errors():
        value = None if source is None else _sketch(previews.editor_preview(source))
    return value, None, gr.update(value=None, visible=False)


def _show_mask(source: str | None, *values: Any) -> dict[str, Any]:
    with callbacks.user_errors():
        path = callbacks.present(source)
        preview = previews.mask_preview(path, read_mask(path, values))
    return gr.update(value=preview, visible=True)


def _take_example(path: Path) -> tuple[Any, ...]:
    mask = path.with_name(f"{path.stem}-mask.png")
    hidden = gr.update(value=None, visible=False)
    return (*_start_painting(str(path)), str(mask) if mask.is_file() else None, hidden, gr.update(open=True))
