"""No visitor makes the server fetch anything from the web."""

from __future__ import annotations

import inspect
from typing import Any, NoReturn

import gradio as gr
from fastapi import HTTPException
from gradio import processing_utils, routes
from gradio.blocks import Block

from restoration.ui import text


def refuse_urls() -> None:
    """Make Gradio, in this process, refuse addresses where it expects files.

    Gradio 6.31 downloads every file of an event whose path is an address, whatever its size, before the event's own
    code sees it, and serves any public address under `/gradio_api/file=`. Both functions are replaced.

    Raises:
        RuntimeError: this version of Gradio fetches in another way, which nothing would refuse.
    """
    replaced = (
        (processing_utils, "async_ssrf_protected_download", Block.async_move_resource_to_block_cache, _refuse_input),
        (routes, "secure_url_stream_response", routes.App.create_app, _refuse_proxy),
    )
    for module, name, user, substitute in replaced:
        if not hasattr(module, name) or f"{name}(" not in inspect.getsource(user):
            message = f"Gradio {gr.__version__} does not fetch by {module.__name__}.{name}; find out how it does."
            raise RuntimeError(message)
        setattr(module, name, substitute)


async def _refuse_input(*_: Any, **__: Any) -> NoReturn:
    raise gr.Error(text.NO_URLS, print_exception=False)


async def _refuse_proxy(*_: Any, **__: Any) -> NoReturn:
    raise HTTPException(status_code=403, detail=text.NO_URLS)
