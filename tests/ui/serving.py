"""Serve the page on loopback, for tests and screenshots."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import app
from restoration.service.door import Service
from restoration.ui.demo import build_demo


@contextmanager
def serve(service: Service, *, files: Path) -> Iterator[str]:
    """Serve the page under the settings of `app.py`; yield its address.

    Args:
        files: folder for uploads and results.
    """
    before = os.environ.get("GRADIO_TEMP_DIR")
    os.environ["GRADIO_TEMP_DIR"] = str(files)
    demo = build_demo(service)
    try:
        _, url, _ = demo.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **app.launch_settings())
        yield url
    finally:
        demo.close(verbose=False)
        if before is None:
            os.environ.pop("GRADIO_TEMP_DIR")
        else:
            os.environ["GRADIO_TEMP_DIR"] = before
