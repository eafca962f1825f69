"""The tab that brightens."""

from __future__ import annotations

import gradio as gr

from restoration.service.door import Service
from restoration.types import Task
from restoration.ui import text
from restoration.ui.panel import ResultPart
from restoration.ui.plain_tab import build_plain_tab
from restoration.ui.result_cache import Answers
from restoration.ui.send_to_tab import Arrival


def build(service: Service, answers: Answers) -> tuple[ResultPart, Arrival]:
    """Place the tab into the layout that is open; see `build_plain_tab`."""
    with gr.Tab(text.TAB_LOW_LIGHT, id="low-light"):
        return build_plain_tab(
            service, answers, task=Task.LOW_LIGHT, intro=text.INTRO_LOW_LIGHT, examples="lowlight-", prefix="low-light"
        )
