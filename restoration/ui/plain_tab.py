"""What stands inside a tab that has one task and needs nothing but a picture."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.events import Dependency

from restoration.service.door import Service
from restoration.types import Task
from restoration.ui import panel, runs
from restoration.ui.panel import ResultPart
from restoration.ui.restore_flow import RestoreForm, wire_restore
from restoration.ui.result_cache import Answers
from restoration.ui.send_to_tab import Arrival
from restoration.ui.upload import take_file, wire_upload

Look = Callable[[str | None, str], tuple[Any, Any]]


def build_plain_tab(
    service: Service, answers: Answers, *, task: Task, intro: str, examples: str, prefix: str, look: Look | None = None
) -> tuple[ResultPart, Arrival]:
    """Place picture, settings and comparison, and connect them; return the comparison, and how a picture comes in.

    Args:
        examples: how the names of the example pictures begin.
        prefix: begins the element ids of the tab.
        look: is given the path of a new picture and the model chosen; returns what is shown about the picture, and an
            update of the model.
    """
    gr.Markdown(intro, elem_classes="intro")
    with gr.Row(elem_classes="workspace"):
        with gr.Column(scale=5, min_width=320):
            picture = panel.build_picture(prefix)
            findings = gr.HTML("", padding=False, elem_id=f"{prefix}-findings", visible=look is not None)
            buttons = panel.build_buttons(prefix)
            dataset, paths = panel.build_examples(examples, prefix=prefix)
            settings = panel.build_settings(service, tasks=[task], task=gr.State(task.value), prefix=prefix)
        with gr.Column(scale=7, min_width=320):
            result = panel.build_result(buttons, prefix=prefix)

    arrived = wire_restore(service, answers, RestoreForm(picture.source, settings), result)

    def follow(event: Dependency) -> None:
        arrived(event)
        if look is not None:
            event.success(
                look,
                inputs=[picture.source, settings.model],
                outputs=[findings, settings.model],
                show_progress="hidden",
                concurrency_limit=runs.CONCURRENT_RUNS,
                api_visibility="private",
            )

    taken = [picture.source, picture.image, picture.caption]
    follow(wire_upload(picture, service.uploads))
    if dataset is not None:
        example = dataset.click(
            lambda index: take_file(service.uploads, str(paths[index])),
            inputs=dataset,
            outputs=taken,
            show_progress="hidden",
            api_visibility="private",
        )
        follow(example)
    return result, Arrival(prefix, functools.partial(take_file, service.uploads), taken, follow)
