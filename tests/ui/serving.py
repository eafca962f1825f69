"""Serve the page on loopback, for tests and screenshots."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

from restoration.service.door import Service
from restoration.ui.demo import build_demo


@contextmanager
def serve(service: Service, *, files: Path) -> Iterator[str]:
    """Serve the page under the settings of `app.py`; yield its address.

    Args:
        files: folder for uploads and results.
    """
    import app  # builds a demo of its own, which is not needed to find the tests

    before = os.environ.get("GRADIO_TEMP_DIR")
    os.environ["GRADIO_TEMP_DIR"] = str(files)
    demo = build_demo(service)
    try:
        settings = {"server_name": "127.0.0.1", "server_port": _free_port(), **app.launch_settings()}
        _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, **settings)
        yield url
    finally:
        demo.close(verbose=False)
        if before is None:
            os.environ.pop("GRADIO_TEMP_DIR")
        else:
            os.environ["GRADIO_TEMP_DIR"] = before


def _free_port() -> int:
    """Return a port that is free now: Gradio itself tries the same few one after the other in every process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
