"""Launching the page: its settings, and a port that is free."""

from __future__ import annotations

import errno
import socket
from typing import Any

import gradio as gr

from restoration.errors import InvalidRequest
from restoration.ui.sweeping import swept
from restoration.ui.theme import STYLE_SHEET, CalmTheme, page_head

_THIS_MACHINE = "127.0.0.1"


def launch_settings() -> dict[str, Any]:
    """Return the settings under which the page is meant to be launched."""
    return {
        "theme": CalmTheme(),
        "css_paths": STYLE_SHEET,
        "head": page_head(),
        "show_error": False,
        "max_file_size": "64mb",
        "app_kwargs": {"lifespan": swept},
        "run_history": False,
        "enable_monitoring": False,
        "mcp_server": False,
        "ssr_mode": False,
        "footer_links": ["api", "settings"],
    }


def launch(page: gr.Blocks, *, host: str | None, port: int | None, share: bool, open_browser: bool) -> None:
    """Serve the page until interrupted.

    Args:
        host: address to listen on; None = this machine only.
        port: None = the first free one from 7860.

    Raises:
        InvalidRequest: no port is free.
    """
    try:
        page.launch(
            server_name=host, server_port=port, share=share or None, inbrowser=open_browser, **launch_settings()
        )
    except OSError as error:
        if "Cannot find empty port" not in str(error):
            raise
        where = "None of the usual ports is free" if port is None else f"Port {port} is in use"
        raise InvalidRequest(f"{where}; name a free one with --port.") from error


def check_port(host: str | None, port: int) -> None:
    """Refuse a port that cannot be listened on, before models are loaded.

    Raises:
        InvalidRequest: it is in use, reserved, or the address is not one of this machine.
    """
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
            (host or _THIS_MACHINE).strip("[]"), port, type=socket.SOCK_STREAM
        )
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"Port {port} is in use; name another one with --port, or leave --port out for a free one."
        elif error.errno == errno.EACCES:
            message = f"Port {port} is reserved for administrators; name one from 1024 with --port."
        else:
            message = f"{host} is no address of this machine; leave --host out, or use 0.0.0.0 for all of its networks."
        raise InvalidRequest(message) from error
