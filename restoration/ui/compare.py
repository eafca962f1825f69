"""Fill the same mask again: with another seed, or with all quick methods side by side."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
import numpy as np

from restoration.arrays import Mask
from restoration.errors import RestorationError
from restoration.images import preview_bytes
from restoration.service.door import Service
from restoration.types import Done, RestoreRequest, RestoreResult, Task
from restoration.ui import runs, status, text
from restoration.ui.components import keep_file
from restoration.ui.failures import user_errors
from restoration.ui.form import Form, ReadMask
from restoration.ui.panel import SettingsPart
from restoration.ui.upload import present

_QUICK = ("telea", "navier-stokes", "fill-unet", "migan", "exemplar")
_MARGIN = 0.15
_LEAST_MARGIN_PX = 48
_LARGEST_SIDE_PX = 1024
_SEEDS = 1000
_PRESS_RESTORE = "() => document.getElementById('inpaint-go').click()"


@dataclass(frozen=True)
class Comparison:
    """The buttons, the gallery of results, and the notes on methods that failed."""

    button: gr.Button
    cancel: gr.Button
    gallery: gr.Gallery
    notes: gr.HTML


def build_another(settings: SettingsPart) -> gr.Button:
    """Place the button for another seed; it is visible if the model has a seed."""
    models = [model for model, _ in settings.params.named("seed")]
    button = gr.Button(text.ANOTHER_FILL, size="sm", visible=settings.model.value in models, elem_id="inpaint-another")
    settings.model.change(
        lambda model: gr.update(visible=model in models),
        inputs=settings.model,
        outputs=button,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    return button


def build_comparison() -> Comparison:
    """Place the buttons and the gallery below the result."""
    with gr.Row(elem_classes="actions"):
        button = gr.Button(text.COMPARE, size="sm", scale=3, elem_id="inpaint-compare")
        cancel = gr.Button(text.CANCEL, size="sm", scale=1, visible=False, elem_id="inpaint-compare-cancel")
    gallery = gr.Gallery(
        label=text.COMPARED, visible=False, columns=2, object_fit="contain", format="png", elem_id="inpaint-compared"
    )
    notes = gr.HTML("", padding=False, visible=False, elem_id="inpaint-compare-notes")
    return Comparison(button, cancel, gallery, notes)


def wire(
    service: Service,
    *,
    source: gr.State,
    settings: SettingsPart,
    mask_inputs: Sequence[gr.components.Component],
    read_mask: ReadMask,
    comparison: Comparison,
    another: gr.Button,
) -> None:
    """Connect both buttons."""
    seeds = [control for _, control in settings.params.named("seed")]
    count = len(mask_inputs)

    def compare(path: str | None, *values: Any) -> Generator[tuple[Any, ...], None, None]:
        with user_errors():
            yield gr.skip(), gr.update(value="", visible=False), *_buttons(is_busy=True)
            checked = present(path)
            marked = read_mask(checked, values[:count])
            task, _, *rest = values[count:]
            entries: list[tuple[str, str]] = []
            notes: list[str] = []
            refused: RestorationError | None = None
            for model, title in _quick(service):
                request = Form.from_values(settings, [task, model, *rest]).request(checked, marked)
                try:
                    result = yield from _steps(service, replace(request, has_preview=False))
                except RestorationError as error:  # another method may be faster or take larger pictures
                    refused = error
                    notes.append(status.note(text.NOT_COMPARED.format(title=title, reason=error)))
                else:
                    line = text.COMPARED_ENTRY.format(title=title, seconds=result.stats.run_s)
                    entries.append((tile(result, marked.mask), line))
                    yield gr.update(value=list(entries), visible=True), gr.skip(), gr.skip(), gr.skip()
            if refused is not None and not entries:
                raise refused
            yield gr.skip(), gr.update(value="".join(notes), visible=bool(notes)), *_buttons(is_busy=False)

    private: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    buttons = [comparison.button, comparison.cancel]
    started = comparison.button.click(
        compare,
        inputs=[source, *mask_inputs, *settings.inputs],
        outputs=[comparison.gallery, comparison.notes, *buttons],
        concurrency_limit=runs.CONCURRENT_RUNS,
        concurrency_id=runs.RUN_GROUP,
        show_progress="minimal",
        show_progress_on=comparison.gallery,
        api_visibility="private",
    )
    started.failure(lambda: _buttons(is_busy=False), outputs=buttons, queue=False, **private)
    comparison.cancel.click(lambda: _buttons(is_busy=False), outputs=buttons, cancels=started, queue=False, **private)
    if seeds:
        drawn = another.click(
            lambda: [secrets.randbelow(_SEEDS) for _ in seeds] if len(seeds) > 1 else secrets.randbelow(_SEEDS),
            outputs=seeds,
            queue=False,
            **private,
        )
        drawn.then(None, js=_PRESS_RESTORE)


def _buttons(*, is_busy: bool) -> tuple[Any, Any]:
    """Return updates of the button that compares and of the one that cancels."""
    return gr.update(interactive=not is_busy), gr.update(visible=is_busy)


def _quick(service: Service) -> list[tuple[str, str]]:
    """Return (id, title) of the quick methods that can run now."""
    able = {entry.info.id: entry.info.title for entry in service.list_models(Task.INPAINT) if entry.is_available}
    return [(model, able[model]) for model in _QUICK if model in able]


def _steps(service: Service, request: RestoreRequest) -> Generator[tuple[Any, ...], None, RestoreResult]:
    """Return the result; until then yield updates that change nothing, at which the event can be cancelled."""
    with closing(service.restore(request)) as events:
        for event in events:
            if isinstance(event, Done):
                return event.result
            yield gr.skip(), gr.skip(), gr.skip(), gr.skip()
    raise AssertionError("the service ended without a result")


def tile(result: RestoreResult, mask: Mask) -> str:
    """Write a preview of the result around the mask, with a margin; return its path."""
    slices = []
    for axis, length in enumerate(mask.shape):
        marked = np.flatnonzero(mask.any(axis=1 - axis))
        margin = round(_MARGIN * (int(marked[-1]) - int(marked[0]))) + _LEAST_MARGIN_PX
        slices.append(slice(max(0, int(marked[0]) - margin), min(length, int(marked[-1]) + 1 + margin)))
    rows, columns = slices
    whole = result.picture
    part = whole.with_pixels(
        whole.pixels[rows, columns], alpha=None if whole.alpha is None else whole.alpha[rows, columns]
    )
    return keep_file(preview_bytes(part, max_side_px=_LARGEST_SIDE_PX), f"{result.model.id}.png")
