"""The tab that enlarges."""

from __future__ import annotations

import functools
from typing import Any

import gradio as gr

from restoration.errors import RestorationError
from restoration.service.door import Service
from restoration.service.uploads import Uploads
from restoration.types import Task
from restoration.ui import status, text
from restoration.ui.panel import ResultPart
from restoration.ui.plain_tab import build_plain_tab
from restoration.ui.result_cache import Answers
from restoration.ui.send_to_tab import Arrival

_FOR_CLEAN, _FOR_DAMAGED = "edsr-lite", "compact-web"


def build(service: Service, answers: Answers) -> tuple[ResultPart, Arrival]:
    """Place the tab into the layout that is open; see `build_plain_tab`."""
    offered = {status.info.id for status in service.list_models(Task.SUPER_RESOLUTION)}
    with gr.Tab(text.TAB_SUPER_RESOLUTION, id="super-resolution"):
        return build_plain_tab(
            service,
            answers,
            task=Task.SUPER_RESOLUTION,
            intro=text.INTRO_SUPER_RESOLUTION,
            examples="sr-",
            prefix="super-resolution",
            look=functools.partial(look_at, service.uploads) if {_FOR_CLEAN, _FOR_DAMAGED} <= offered else None,
        )


def look_at(uploads: Uploads, path: str | None, model: str) -> tuple[Any, Any]:
    """Return what a picture tells of its damage, and which built-in upscaler suits it; any other choice stays."""
    if path is None:
        return "", gr.skip()
    try:
        found = uploads.diagnose(path)
    except RestorationError:  # what is wrong with the file stands in the caption already
        return "", gr.skip()
    if model not in (_FOR_CLEAN, _FOR_DAMAGED):
        return status.findings(found), gr.skip()
    return status.findings(found), _FOR_CLEAN if found.is_clean else _FOR_DAMAGED
