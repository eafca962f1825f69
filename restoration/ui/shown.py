"""What the page shows of a run in each of its states."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr

from restoration.errors import RestorationError
from restoration.images import encode, lossless_format
from restoration.service.door import Service
from restoration.types import RestoreResult
from restoration.ui import previews, status, text
from restoration.ui.components import keep_file
from restoration.ui.form import SUFFIXES, Form, chosen_format

Shown = tuple[Any, Any, Any, Any, Any, Any]
"""Updates of `ResultPart.outputs`: slider, status, download, Restore, Cancel, Take this one."""

UNCHANGED: Shown = (gr.skip(),) * 6


def working(line: str, *, can_take: bool = False) -> Shown:
    """Args: can_take: there is something to take; the button, once there, stays for the run."""
    off, on = gr.update(interactive=False), gr.update(interactive=True)
    take = gr.update(visible=True, interactive=True) if can_take else gr.skip()
    return gr.skip(), line, no_file(), off, on, take


def stopping() -> Shown:
    """Return what is shown of a run that is cancelled and has not ended yet."""
    line = status.waiting(text.STOPPING)
    return gr.skip(), line, gr.skip(), gr.skip(), gr.update(interactive=False), gr.skip()


def cancelled(*, is_left: bool = False, last: Shown | None = None) -> Shown:
    """Return what is shown of a cancelled run that has ended.

    Args:
        is_left: its picture has gone from the page.
        last: what was shown of the run before; it comes back.
    """
    if is_left:
        return _idle(None, status.empty(), no_file())
    return _without_result(status.note(text.CANCELLED if last is None else text.CANCELLED_KEPT), last)


def failed(message: str, *, last: Shown | None = None) -> Shown:
    """Return what is shown of a run that came to no result; what was shown of the run before comes back."""
    return _without_result(status.failure(message), last)


def _without_result(line: str, last: Shown | None) -> Shown:
    return _idle(None, line, no_file()) if last is None else _idle(last[0], line, last[2])


def finished(result: RestoreResult, form: Form, path: str) -> Shown:
    """Write the result and its previews as files; return what is shown of them."""
    stem = previews.stem_of(path)
    file, size = result_file(result, stem=stem, file_format=form.file_format)
    before, after = previews.before_and_after(result)
    slider = (keep_file(before, f"{stem}-before.png"), keep_file(after, f"{stem}-after.png"))
    line = status.outcome(result, file_name=Path(file).name, file_bytes=size)
    return _idle(slider, line, gr.update(value=file, interactive=True, visible=True))


def result_file(result: RestoreResult, *, stem: str, file_format: str) -> tuple[str, int]:
    """Write the result as a file for download; return its path and size in bytes.

    Args:
        file_format: "PNG", "TIFF", "WEBP", "JPEG", or "auto" for the lossless format nearest to the original's.
    """
    kind = chosen_format(file_format) or lossless_format(result.picture)
    content = encode(result.picture, kind, description=result.recipe)
    return keep_file(content, f"{stem}-restored.{SUFFIXES[kind]}"), len(content)


def forecast(service: Service, path: str | None, model: str | None) -> str:
    """Return the line that says what a run will cost, or that the picture is too large for the model."""
    if path is None or model is None or not Path(path).is_file():
        return ""
    try:
        width, height = previews.original_size(path)
    except RestorationError:  # the caption says what is wrong with the file
        return ""
    info = next((entry.info for entry in service.list_models() if entry.info.id == model), None)
    if info is not None and width * height > 1e6 * info.max_megapixels:
        return status.caption(text.TOO_LARGE.format(limit=info.max_megapixels))
    return status.forecast(service.forecast(model, pixels=width * height))


def cleared() -> str:
    """Return what the browser itself clears a result with: an answer of the server could wipe a newer one."""
    hidden = {"__type__": "update", "value": None, "visible": False}
    values = [None, status.empty(), hidden, {"__type__": "update", "visible": False}]
    return f"() => {json.dumps(values)}"


def no_file() -> dict[str, Any]:
    """Return the update of a download that is gone."""
    update: dict[str, Any] = gr.update(value=None, visible=False)
    return update


def _idle(slider: Any, line: str, download: Any) -> Shown:
    hidden = gr.update(visible=False)
    return slider, line, download, gr.update(interactive=True), gr.update(interactive=False), hidden
