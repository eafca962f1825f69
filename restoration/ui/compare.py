"""Other answers on the same mask: another seed, and all quick methods side by side."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np
import numpy.typing as npt
from PIL import Image

from restoration.errors import ImageTooLarge
from restoration.service import Service
from restoration.types import Done, RestoreRequest, RestoreResult, Task
from restoration.ui import callbacks, previews, text
from restoration.ui.components import keep_file
from restoration.ui.form import Form, ReadMask
from restoration.ui.panel import SettingsPart

_QUICK = ("telea", "navier-stokes", "fill-unet", "migan", "exemplar")
_MARGIN = 0.15
_LEAST_MARGIN_PX = 48
_LARGEST_SIDE_PX = 1024
_SEEDS = 1000
_PRESS_RESTORE = "() => document.getElementById('inpaint-go').click()"


@dataclass(frozen=True)
class Comparison:
    """The button and the pictures of the quick methods."""

    button: gr.Button
    gallery: gr.Gallery


def build_another(settings: SettingsPart) -> gr.Button:
    """Place the button for another seed; it is seen where the model takes one."""
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
    """Place the button and the gallery below the result."""
    button = gr.Button(text.COMPARE, size="sm", elem_id="inpaint-compare")
    gallery = gr.Gallery(
        label=text.COMPARED, visible=False, columns=2, object_fit="contain", format="png", elem_id="inpaint-compared"
    )
    return Comparison(button, gallery)


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

    def compare(path: str | None, *values: Any) -> Generator[dict[str, Any], None, None]:
        with callbacks.user_errors():
            checked = callbacks.present(path)
            marked = read_mask(checked, values[:count])
            task, _, *rest = values[count:]
            entries: list[tuple[str, str]] = []
            refused: ImageTooLarge | None = None
            for model in _quick(service):
                form = Form.from_values(settings, [task, model, *rest])
                try:
                    result = _result(service, form.request(checked, marked))
                except ImageTooLarge as error:  # another method takes more
                    refused = error
                    continue
                line = text.COMPARED_ENTRY.format(title=result.model.title, seconds=result.stats.run_s)
                entries.append((_cut(result, marked.mask), line))
                yield gr.update(value=list(entries), visible=True)
            if refused is not None and not entries:
                raise refused

    private: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    comparison.button.click(
        compare,
        inputs=[source, *mask_inputs, *settings.inputs],
        outputs=comparison.gallery,
        concurrency_limit=callbacks.CONCURRENT_RUNS,
        concurrency_id=callbacks.RUN_GROUP,
        show_progress="minimal",
        api_visibility="private",
    )
    if seeds:
        drawn = another.click(
            lambda: [secrets.randbelow(_SEEDS) for _ in seeds] if len(seeds) > 1 else secrets.randbelow(_SEEDS),
            outputs=seeds,
            queue=False,
            **private,
        )
        drawn.then(None, js=_PRESS_RESTORE)


def _quick(service: Service) -> list[str]:
    """Return the quick methods that can run now."""
    able = {entry.info.id for entry in service.list_models(Task.INPAINT) if entry.is_available}
    return [model for model in _QUICK if model in able]


def _result(service: Service, request: RestoreRequest) -> RestoreResult:
    with closing(service.restore(request)) as events:
        return next(event.result for event in events if isinstance(event, Done))


def _cut(result: RestoreResult, mask: npt.NDArray[np.bool_]) -> str:
    """Write the part of the result round the mask, with a margin, as a file to be shown; return its path."""
    slices = []
    for axis, length in enumerate(mask.shape):
        marked = np.flatnonzero(mask.any(axis=1 - axis))
        margin = round(_MARGIN * (int(marked[-1]) - int(marked[0]))) + _LEAST_MARGIN_PX
        slices.append(slice(max(0, int(marked[0]) - margin), min(length, int(marked[-1]) + 1 + margin)))
    part = result.picture.pixels[slices[0], slices[1]]
    samples = np.rint(np.clip(part, 0, 1) * 255).astype(np.uint8)
    image = Image.fromarray(samples)
    image.thumbnail((_LARGEST_SIDE_PX, _LARGEST_SIDE_PX))
    return keep_file(previews.png(image), f"{result.model.id}.png")
