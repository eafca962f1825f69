"""The tab that fills what is painted over."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from restoration.arrays import Mask
from restoration.errors import InvalidMask, RestorationError
from restoration.images import check_mask, grow_mask, kept_by_layers, mask_from_layers
from restoration.images import read_mask as read_mask_file
from restoration.service.door import Service
from restoration.service.uploads import Uploads
from restoration.types import Task
from restoration.ui import compare, mask_tools, panel, previews, status, text
from restoration.ui.components import MaskEditor, keep_file
from restoration.ui.form import Marked
from restoration.ui.panel import ResultPart
from restoration.ui.restore_flow import RestoreForm, wire_restore
from restoration.ui.result_cache import Answers
from restoration.ui.send_to_tab import Arrival

_REPLACE_COLOUR = "#e11d48"
_KEEP_COLOUR = "#16a34a"
_BRUSH_PX = 16


def build(service: Service, answers: Answers) -> tuple[ResultPart, Arrival]:
    """Place the tab into the layout that is open; return its comparison, and how a picture comes in.

    The upload gives way to the editor as soon as there is a picture. The editor shows an 8-bit preview; what is
    restored is the file itself, so that everything outside the mask stays as it was. The mask picture holds what is
    marked so far, veiled in the editor; strokes are added to it, or taken off it. A tool folds the strokes into it.
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
                    buttons_of_mask = mask_tools.build_buttons()
                    other = gr.Button(text.OTHER_PICTURE, size="sm", min_width=140, elem_id="inpaint-other")
                options = mask_tools.build_options()
                buttons = panel.build_buttons("inpaint")
                examples, paths = panel.build_examples("inpaint-", prefix="inpaint")
                settings = panel.build_settings(
                    service, tasks=[Task.INPAINT], task=gr.State(Task.INPAINT.value), prefix="inpaint"
                )
                another = compare.build_another(settings)
            with gr.Column(scale=7, min_width=320):
                result = panel.build_result(buttons, prefix="inpaint")
                comparison = compare.build_comparison()

    mask_inputs = [editor, options.file, options.grow, options.feather]
    inputs = RestoreForm(picture.source, settings, mask_inputs, read_mask)
    follow = wire_restore(service, answers, inputs, result)
    compare.wire(
        service,
        source=picture.source,
        settings=settings,
        mask_inputs=mask_inputs,
        read_mask=read_mask,
        comparison=comparison,
        another=another,
    )
    mask_tools.wire(
        service.uploads,
        source=picture.source,
        editor=editor,
        buttons=buttons_of_mask,
        options=options,
        marked_so_far=marked_so_far,
        read_mask=read_mask,
        sketch=functools.partial(sketch, service.uploads),
    )

    def start_painting(path: str | None) -> tuple[Any, ...]:
        return _start_painting(service.uploads, path)

    private: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    steps = [picture.source, editor, caption, upload_step, paint_step]
    upload = picture.image.input(
        start_painting,
        inputs=picture.image,
        outputs=steps,
        show_progress="minimal",
        show_progress_on=picture.image,
        queue=False,  # a queue full of others' runs refuses nobody's picture
        api_visibility="private",
    )
    gone = [options.file, options.shown, options.download, comparison.gallery, comparison.notes]
    follow(upload)
    follow(other.click(_start_over, outputs=[*steps, picture.image, *gone], queue=False, **private))
    if examples is not None:
        example = examples.click(
            lambda index: _take_example(service.uploads, paths[index]),
            inputs=examples,
            outputs=[*steps, *gone, options.accordion],
            **private,
        )
        follow(example)
    return result, Arrival("inpaint", lambda path: (*start_painting(path), None, *_hidden()), [*steps, *gone], follow)


def marked_so_far(source: str, layers: Sequence[Any] | None, mask_path: str | None) -> Mask:
    """Return what is marked, (H, W) at the size of the original: the mask picture and red strokes, less green ones.

    Raises:
        InvalidMask: the mask picture is of another size.
    """
    size = previews.original_size(source)
    kept = kept_by_layers(layers or [], size=size)
    mask = mask_from_layers(layers or [], size=size)
    if mask_path is not None:
        mask = mask | read_mask_file(Path(mask_path), size=size)
    return mask & ~kept


def read_mask(source: str, values: Sequence[Any]) -> Marked:
    """Return what is to be replaced.

    Args:
        values: painted layers, path of the mask picture or None, pixels to grow by, pixels of feather.

    Raises:
        InvalidMask: nothing or everything is marked, or the mask picture is of another size.
    """
    layers, mask_path, grow_px, feather_px = values
    mask = marked_so_far(source, layers, mask_path)
    if not mask.any():
        raise InvalidMask(text.NO_MASK)
    return Marked(check_mask(grow_mask(mask, px=int(grow_px))), int(feather_px))


def sketch(uploads: Uploads, path: str, mask: Mask | None = None) -> dict[str, Any]:
    """Return an editor value without strokes; what is marked is veiled in its background.

    The editor of Gradio 6.31 misplaces layers that it is given.
    """
    background = previews.editor_preview(uploads, path)
    if mask is not None:
        background = previews.veiled(background, mask)
    return {"background": keep_file(previews.png(background), "picture.png"), "layers": [], "composite": None}


def _build_editor() -> MaskEditor:
    colours: list[str | tuple[str, float]] = [_REPLACE_COLOUR, _KEEP_COLOUR]
    return MaskEditor(
        label=text.PAINT,
        type="pil",
        image_mode="RGBA",
        sources=(),
        transforms=(),
        layers=False,
        brush=gr.Brush(default_size=_BRUSH_PX, colors=colours, default_color=_REPLACE_COLOUR, color_mode="fixed"),
        eraser=gr.Eraser(default_size=_BRUSH_PX),
        buttons=["fullscreen"],
        height=420,
        format="png",
        elem_id="inpaint-editor",
    )


def _start_painting(uploads: Uploads, path: str | None, mask: Path | None = None) -> tuple[Any, ...]:
    if path is None:
        return None, None, "", gr.skip(), gr.skip()
    try:
        line = previews.caption_of(path)
        known = None if mask is None else read_mask_file(mask, size=previews.original_size(path))
        value = sketch(uploads, path, known)
    except RestorationError as error:
        gr.Warning(str(error))
        return None, None, "", gr.skip(), gr.skip()
    caption = status.caption(f"{line}. {text.PAINT_HINT}")
    return path, value, caption, gr.update(visible=False), gr.update(visible=True)


def _hidden() -> tuple[Any, ...]:
    """Return updates of what belongs to an earlier mask: shown mask, download, comparison and its notes."""
    return tuple(gr.update(value=None, visible=False) for _ in range(4))


def _start_over() -> tuple[Any, ...]:
    return None, None, "", gr.update(visible=True), gr.update(visible=False), None, None, *_hidden()


def _take_example(uploads: Uploads, path: Path) -> tuple[Any, ...]:
    file = path.with_name(f"{path.stem}-mask.png")
    mask = file if file.is_file() else None
    shown = None if mask is None else str(mask)
    return (*_start_painting(uploads, str(path), mask), shown, *_hidden(), gr.update(open=mask is not None))
