"""Gradio components with their limits set for files that strangers upload."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import component_meta
from gradio.components.base import server
from gradio.components.image_editor import AcceptBlobs, EditorData
from gradio.data_classes import ImageData
from gradio.utils import get_upload_folder
from PIL import Image

from restoration.images import MAX_PIXELS
from restoration.ui import text

_MAX_LAYERS = 4


@contextmanager
def _no_stub_files() -> Iterator[None]:
    """Keep Gradio from writing a `.pyi` file beside the source of every component class that is defined."""
    write = component_meta.create_or_modify_pyi
    component_meta.create_or_modify_pyi = lambda *_: None
    try:
        yield
    finally:
        component_meta.create_or_modify_pyi = write


with _no_stub_files():

    class SourceImage(gr.Image):
        """A picture upload that hands over the path of the file as it came; nothing is decoded or converted."""

        is_template = True

        def preprocess(self, payload: ImageData | None) -> str | None:
            """Return the path of the uploaded file, or None where there is none."""
            return None if payload is None else payload.path

    class MaskEditor(gr.ImageEditor):
        """A picture to paint a mask on; hands over the painted layers.

        The browser uploads them with the event that uses them. Gradio's way to send them ahead, which the browser takes
        only where a change of the editor is listened to, keeps what anybody sends without limit; it is closed.
        """

        is_template = True

        @server  # type: ignore[untyped-decorator]
        def accept_blobs(self, data: AcceptBlobs) -> None:
            """Keep nothing."""

        def preprocess(self, payload: EditorData | None) -> list[Image.Image]:  # type: ignore[override]
            """Return the painted layers, RGBA.

            Raises:
                gr.Error: a layer is not a picture, or too large; or the layers were sent ahead.
            """
            if payload is None:
                return []
            if payload.id is not None:
                raise gr.Error(text.BAD_SKETCH, print_exception=False)
            return [_open_layer(Path(layer.path).read_bytes()) for layer in payload.layers[:_MAX_LAYERS]]


def _open_layer(content: bytes) -> Image.Image:
    try:
        layer = Image.open(io.BytesIO(content), formats=("PNG", "WEBP"))
        if layer.width * layer.height <= MAX_PIXELS:
            return layer.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise gr.Error(text.BAD_SKETCH, print_exception=False) from error
    raise gr.Error(text.BAD_SKETCH, print_exception=False)


def picture_upload(**settings: Any) -> SourceImage:
    """Return an upload whose value is the path of the file as it came."""
    return SourceImage(type="filepath", image_mode=None, buttons=["fullscreen"], **settings)


def keep_file(content: bytes, name: str) -> str:
    """Write a file where Gradio serves it from and deletes it after its time; return its path.

    Each file has a folder of its own: equal results of several users are not one file, which one of them might be
    reading while it is written for another.
    """
    folder = Path(get_upload_folder()) / secrets.token_hex(32)
    folder.mkdir(parents=True)
    path = folder / Path(name).name
    path.write_bytes(content)
    return str(path.resolve())
