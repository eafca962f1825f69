"""The parts that all four tabs share: a picture and settings on the left, the comparison on the right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from restoration.folders import assets_folder
from restoration.service.door import Service
from restoration.types import ModelStatus, Task
from restoration.ui import status, text
from restoration.ui.components import SourceImage, picture_upload
from restoration.ui.params import ParamControls

Buttons = tuple[gr.Button, gr.Button, gr.Button, gr.HTML]
EXAMPLES = assets_folder() / "examples"


@dataclass(frozen=True)
class PicturePart:
    """Where the picture comes in; `source` holds the path of the original file, `image` only shows it."""

    source: gr.State
    image: SourceImage
    caption: gr.HTML


@dataclass(frozen=True)
class SettingsPart:
    """What is to be done, and how."""

    task: gr.State | gr.Radio
    model: gr.Dropdown
    summary: gr.HTML
    params: ParamControls
    file_format: gr.Radio
    fit: gr.Checkbox
    precision: gr.Radio
    keep_gps: gr.Checkbox

    @property
    def inputs(self) -> list[gr.components.Component]:
        """The values a restoration needs, in the order of `form.Form`."""
        options = [self.file_format, self.fit, self.precision, self.keep_gps]
        return [self.task, self.model, *options, *self.params.components]


@dataclass(frozen=True)
class ResultPart:
    """The buttons, the forecast, and what a run leaves behind; `ticket` holds the secret number of the last run.

    `take` is shown while an anytime method works: it ends the run with what there is. `onward` are the buttons, by the
    id of a tab, that take the result there; `onward_row` holds them.
    """

    restore: gr.Button
    cancel: gr.Button
    take: gr.Button
    forecast: gr.HTML
    slider: gr.ImageSlider
    status: gr.HTML
    download: gr.DownloadButton
    onward_row: gr.Row
    onward: Mapping[str, gr.Button]
    ticket: gr.Textbox

    @property
    def outputs(self) -> list[gr.components.Component]:
        """What a run changes, in the order of `shown.Shown`."""
        return [self.slider, self.status, self.download, self.restore, self.cancel, self.take]


def build_picture(prefix: str) -> PicturePart:
    """Place the upload and the line below it."""
    source = gr.State(None)
    image = picture_upload(
        label=text.PICTURE,
        placeholder=text.PICTURE_HINT,
        height=260,
        elem_id=f"{prefix}-picture",
        elem_classes="picture",
    )
    return PicturePart(source, image, gr.HTML("", elem_id=f"{prefix}-caption", padding=False))


def build_examples(pattern: str, *, prefix: str, first: Sequence[str] = ()) -> tuple[gr.Dataset | None, list[Path]]:
    """Place the clickable examples; None where the folder holds none.

    Args:
        first: names without endings that come before the others, in this order.
    """
    paths = sorted(
        (path for path in EXAMPLES.glob(f"{pattern}*") if not path.stem.endswith("-mask")),
        key=lambda path: (_place(path.stem, first), path.name),
    )
    if not paths:
        return None, []
    dataset = gr.Dataset(
        components=[gr.Image(render=False)],
        samples=[[str(path)] for path in paths],
        type="index",
        label=text.EXAMPLES,
        layout="gallery",
        elem_id=f"{prefix}-examples",
        elem_classes="examples",
    )
    return dataset, paths


def build_settings(service: Service, *, tasks: Sequence[Task], task: gr.State | gr.Radio, prefix: str) -> SettingsPart:
    """Place the model, its parameters and the advanced options."""
    statuses = service.list_models(tasks[0])
    first = default_model(statuses)
    everything = [entry.info for each in tasks for entry in service.list_models(each)]
    params = ParamControls(everything)
    model = gr.Dropdown(model_choices(statuses), value=first, label=text.MODEL, elem_id=f"{prefix}-model")
    summary = gr.HTML(summary_of(statuses, first), padding=False)
    params.build(advanced=False, shown=first)
    with gr.Accordion(text.ADVANCED, open=False, elem_id=f"{prefix}-advanced"):
        params.build(advanced=True, shown=first)
        file_format = gr.Radio(list(text.FORMATS), value="auto", label=text.FORMAT)
        precision = gr.Radio(list(text.PRECISIONS), value="auto", label=text.PRECISION)
        fit = gr.Checkbox(False, label=text.FIT)
        keep_gps = gr.Checkbox(False, label=text.KEEP_GPS)
    settings = SettingsPart(task, model, summary, params, file_format, fit, precision, keep_gps)
    model.change(
        _show_model(service, params),
        inputs=model,
        outputs=[summary, *params.groups],
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    return settings


def build_buttons(prefix: str) -> Buttons:
    """Place the Restore, Cancel and Stop buttons, and the estimate of the run."""
    with gr.Row(elem_classes="actions"):
        restore = gr.Button(text.RESTORE, variant="primary", size="lg", scale=3, min_width=120, elem_id=f"{prefix}-go")
        cancel = gr.Button(text.CANCEL, size="lg", scale=1, min_width=90, interactive=False, elem_id=f"{prefix}-cancel")
        take = gr.Button(text.TAKE, size="lg", scale=1, min_width=90, visible=False, elem_id=f"{prefix}-take")
    return restore, cancel, take, gr.HTML("", padding=False, elem_id=f"{prefix}-forecast")


def build_result(buttons: Buttons, *, prefix: str) -> ResultPart:
    """Place the comparison, the status and the download."""
    restore, cancel, take, forecast = buttons
    slider = gr.ImageSlider(
        label=text.COMPARISON,
        show_label=False,
        type="filepath",
        format="png",
        interactive=False,
        buttons=["fullscreen"],
        max_height=640,
        elem_id=f"{prefix}-slider",
        elem_classes="comparison",
    )
    outcome = gr.HTML(status.empty(), padding=False, elem_id=f"{prefix}-status")
    download = gr.DownloadButton(
        text.DOWNLOAD, interactive=False, visible=False, size="lg", elem_id=f"{prefix}-download"
    )
    with gr.Row(visible=False, elem_classes="onward", elem_id=f"{prefix}-onward") as onward_row:
        gr.HTML(text.ONWARD, padding=False, min_width=160)
        onward = {
            tab: gr.Button(label, size="sm", min_width=90, elem_id=f"{prefix}-onward-{tab}")
            for tab, label in text.TASK_TABS
            if tab != prefix
        }
    # A State is read when a waiting run has its turn, which would so take the number of a later run. In the tab, since
    # a component between tabs breaks the bar of their names.
    ticket = gr.Textbox("", visible=False)
    return ResultPart(restore, cancel, take, forecast, slider, outcome, download, onward_row, onward, ticket)


def model_choices(statuses: Sequence[ModelStatus]) -> list[tuple[str, str]]:
    """Return (label, id) of all models; those that cannot run at once say so."""
    return [
        (entry.info.title if entry.is_available else f"{entry.info.title} – {text.NEEDS_DOWNLOAD}", entry.info.id)
        for entry in statuses
    ]


def default_model(statuses: Sequence[ModelStatus]) -> str | None:
    """Return the first model that can run now, else the first."""
    able = [entry.info.id for entry in statuses if entry.is_available]
    return able[0] if able else next((entry.info.id for entry in statuses), None)


def summary_of(statuses: Sequence[ModelStatus], model: str | None) -> str:
    """Return the summary line of one model."""
    return next((status.model_summary(entry) for entry in statuses if entry.info.id == model), "")


def _place(name: str, first: Sequence[str]) -> int:
    return first.index(name) if name in first else len(first)


def _show_model(service: Service, params: ParamControls) -> Callable[[str | None], tuple[object, ...]]:
    def show(model: str | None) -> tuple[object, ...]:
        return (summary_of(service.list_models(), model), *params.visibility(model))

    return show
