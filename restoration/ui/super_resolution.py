"""The tab that enlarges."""

from __future__ import annotations

import gradio as gr

from restoration.service import Service
from restoration.types import Task
from restoration.ui import text
from restoration.ui.plain_tab import build_plain_tab


def build(service: Service) -> None:
    """Place the tab into the layout that is open."""
    with gr.Tab(text.TAB_SUPER_RESOLUTION, id="super-resolution"):
        build_plain_tab(
            service,
            task=Task.SUPER_RESOLUTION,
            intro=text.INTRO_SUPER_RESOLUTION,
            examples="sr-",
            prefix="super-resolution",
        )
