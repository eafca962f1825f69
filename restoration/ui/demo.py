"""The page, put together."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read by Gradio while it is imported
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault(  # swept, so no other program's
    "GRADIO_TEMP_DIR",
    str(Path(tempfile.gettempdir(), f"restoration-{os.getuid() if hasattr(os, 'getuid') else 'files'}")),
)

import gradio as gr

from restoration.service.door import Service
from restoration.service.python import default_service
from restoration.ui import api, denoise, inpaint, low_light, records, super_resolution, text
from restoration.ui import send_to_tab as onward
from restoration.ui.result_cache import Answers
from restoration.ui.sweeping import KEEP_FILES_S, SWEEP_EVERY_S
from restoration.ui.url_guard import refuse_urls

_MAX_WAITING = 32


def build_demo(service: Service | None = None) -> gr.Blocks:
    """Build the page and its API; nothing is loaded or started.

    Args:
        service: what restores; None takes the one that this process shares.

    Raises:
        RuntimeError: see `refuse_urls`.
    """
    refuse_urls()
    door = default_service() if service is None else service
    answers = Answers(KEEP_FILES_S)
    with gr.Blocks(title=text.TITLE, delete_cache=(SWEEP_EVERY_S, KEEP_FILES_S), fill_width=True) as demo:
        gr.Markdown(f"# {text.TITLE}\n{text.TAGLINE}", elem_classes="masthead")
        with gr.Tabs(elem_classes="tasks", overflow_behavior="wrap") as tabs:
            parts = [tab.build(door, answers) for tab in (denoise, super_resolution, inpaint, low_light)]
            records.build(door)
        onward.wire(tabs, parts)
        api.add_endpoints(door)
    return demo.queue(api_open=False, max_size=_MAX_WAITING)
