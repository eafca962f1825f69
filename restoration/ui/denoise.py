"""The tab for noise, JPEG blocks and blur."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from restoration.service import Service
from restoration.types import Task
from restoration.ui import callbacks, panel, text

_TASKS = tuple(task for _, task in text.DAMAGES)
_EXAMPLE_SETTINGS: dict[str, tuple[Task, str | None]] = {
    "denoise-noise": (Task.DENOISE, None),
    "denoise-salt-pepper": (Task.DENOISE, "adaptive-median"),
    "denoise-jpeg": (Task.DEJPEG, None),
}
"""Task and model (None = the default) that suit an example."""


def build(service: Service) -> None:
    """Place the tab into the layout that is open."""
    with gr.Tab(text.TAB_DENOISE, id="denoise"):
        gr.Markdown(text.INTRO_DENOISE, elem_classes="intro")
        with gr.Row(elem_classes="workspace"):
            with gr.Column(scale=5, min_width=320):
                picture = panel.build_picture("denoise")
                examples, paths = panel.build_examples("denoise-", prefix="denoise", first=list(_EXAMPLE_SETTINGS))
                damage = gr.Radio(
                    [(label, task.value) for label, task in text.DAMAGES],
                    value=_TASKS[0].value,
                    label=text.DAMAGE,
                    elem_id="denoise-task",
                )
                settings = panel.build_settings(service, tasks=_TASKS, task=damage, prefix="denoise")
                buttons = panel.build_buttons("denoise")
            with gr.Column(scale=7, min_width=320):
                result = panel.build_result(buttons, prefix="denoise")

    callbacks.wire_upload(picture)
    callbacks.wire_restore(service, source=picture.source, settings=settings, result=result)
    damage.input(
        lambda task: _model_list(service, Task(task), None),
        inputs=damage,
        outputs=settings.model,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    if examples is not None:
        examples.click(
            lambda index: _take_example(service, paths, index),
            inputs=examples,
            outputs=[picture.source, picture.image, picture.caption, damage, settings.model],
            show_progress="hidden",
            api_visibility="private",
        )


def _model_list(service: Service, task: Task, model: str | None) -> dict[str, Any]:
    statuses = service.list_models(task)
    known = {status.info.id for status in statuses}
    chosen = model if model in known else panel.default_model(statuses)
    return gr.update(choices=panel.model_choices(statuses), value=chosen)


def _take_example(service: Service, paths: Sequence[Path], index: int) -> tuple[Any, ...]:
    path = paths[index]
    task, model = _EXAMPLE_SETTINGS.get(path.stem, (_TASKS[0], None))
    return (*callbacks.take_example(path), task.value, _model_list(service, task, model))
