"""The tab for noise, dots, JPEG blocks and blur."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import Dependency

from restoration.errors import RestorationError
from restoration.service.door import Service
from restoration.types import Task
from restoration.ui import panel, runs, status, text
from restoration.ui.components import picture_upload
from restoration.ui.panel import ResultPart
from restoration.ui.restore_flow import RestoreForm, wire_restore
from restoration.ui.result_cache import Answers
from restoration.ui.send_to_tab import Arrival
from restoration.ui.upload import take_file, wire_upload

_FAINT_NOISE_255 = 2.0  # the eye does not see less
_TASKS = tuple(task for _, task in text.DAMAGES)
_EXAMPLE_SETTINGS: dict[str, tuple[Task, str | None]] = {
    "denoise-noise": (Task.DENOISE, None),
    "denoise-salt-pepper": (Task.SALT_AND_PEPPER, None),
    "denoise-jpeg": (Task.DEJPEG, None),
}
"""Task and model (None = the default) that suit an example."""


def build(service: Service, answers: Answers) -> tuple[ResultPart, Arrival]:
    """Place the tab into the layout that is open; return its comparison, and how a picture comes in."""
    with gr.Tab(text.TAB_DENOISE, id="denoise"):
        gr.Markdown(text.INTRO_DENOISE, elem_classes="intro")
        with gr.Row(elem_classes="workspace"):
            with gr.Column(scale=5, min_width=320):
                picture = panel.build_picture("denoise")
                findings = gr.HTML("", padding=False, elem_id="denoise-findings")
                damage = gr.Radio(
                    [(label, task.value) for label, task in text.DAMAGES],
                    value=_TASKS[0].value,
                    label=text.DAMAGE,
                    elem_id="denoise-task",
                )
                with gr.Accordion(text.KERNEL, open=False, visible=False, elem_id="denoise-kernel") as kernel_part:
                    kernel = picture_upload(
                        label=text.KERNEL_FILE,
                        placeholder=text.KERNEL_HINT,
                        sources=["upload", "clipboard"],
                        height=160,
                        elem_id="denoise-kernel-file",
                        elem_classes="picture",
                    )
                by_hand = gr.State(False)
                buttons = panel.build_buttons("denoise")
                examples, paths = panel.build_examples("denoise-", prefix="denoise", first=list(_EXAMPLE_SETTINGS))
                settings = panel.build_settings(service, tasks=_TASKS, task=damage, prefix="denoise")
            with gr.Column(scale=7, min_width=320):
                result = panel.build_result(buttons, prefix="denoise")

    arrived = wire_restore(service, answers, RestoreForm(picture.source, settings, kernel=kernel), result)

    def follow(event: Dependency) -> None:
        arrived(event)
        event.success(
            lambda path, task, is_chosen: look_at(service, path, Task(task), is_chosen=is_chosen),
            inputs=[picture.source, damage, by_hand],
            outputs=[findings, damage, settings.model],
            show_progress="hidden",
            concurrency_limit=runs.CONCURRENT_RUNS,
            api_visibility="private",
        )

    follow(wire_upload(picture, service.uploads))
    damage.change(
        lambda task: gr.update(visible=task == Task.DEBLUR.value),
        inputs=damage,
        outputs=kernel_part,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    damage.input(
        lambda task: (_model_list(service, Task(task), None), True),
        inputs=damage,
        outputs=[settings.model, by_hand],
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    if examples is not None:
        example = examples.click(
            lambda index: _take_example(service, paths, index),
            inputs=examples,
            outputs=[picture.source, picture.image, picture.caption, damage, settings.model, by_hand],
            show_progress="hidden",
            api_visibility="private",
        )
        arrived(example)
        example.success(
            lambda path, task: look_at(service, path, Task(task), is_chosen=True)[0],
            inputs=[picture.source, damage],
            outputs=findings,
            show_progress="hidden",
            concurrency_limit=runs.CONCURRENT_RUNS,
            api_visibility="private",
        )
    take = functools.partial(take_file, service.uploads)
    return result, Arrival("denoise", take, [picture.source, picture.image, picture.caption], follow)


def look_at(service: Service, path: str | None, task: Task, *, is_chosen: bool) -> tuple[Any, Any, Any]:
    """Return what the picture tells of its damage, and updates of the kind of damage and of the models for it.

    Args:
        task: the kind of damage on the page.
        is_chosen: the user has chosen that kind; it stays, whatever the picture tells.
    """
    if path is None:
        return "", gr.skip(), gr.skip()
    try:
        findings = service.uploads.diagnose(path)
    except RestorationError:  # what is wrong with the file stands in the caption already
        return "", gr.skip(), gr.skip()
    line = status.findings(findings)
    if findings.is_clean and findings.noise_level < _FAINT_NOISE_255 and task is not Task.DEBLUR:
        line += status.caption(text.FOUND_LITTLE)
    if is_chosen or findings.main_task is task:
        return line, gr.skip(), gr.skip()
    return line, findings.main_task.value, _model_list(service, findings.main_task, None)


def _model_list(service: Service, task: Task, model: str | None) -> dict[str, Any]:
    statuses = service.list_models(task)
    known = {status.info.id for status in statuses}
    chosen = model if model in known else panel.default_model(statuses)
    return gr.update(choices=panel.model_choices(statuses), value=chosen)


def _take_example(service: Service, paths: Sequence[Path], index: int) -> tuple[Any, ...]:
    path = paths[index]
    task, model = _EXAMPLE_SETTINGS.get(path.stem, (_TASKS[0], None))
    return (*take_file(service.uploads, str(path)), task.value, _model_list(service, task, model), False)
