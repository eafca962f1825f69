"""Gradio components with their limits set for files that strangers upload."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import component_meta
from gradio.components.base import server
from gradio.components.image_editor import AcceptBlobs, EditorData
from gradio.data_classes import ImageData
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder
from PIL import Image

from restoration.images import MAX_PIXELS
from restoration.ui import text

_MAX_LAYER_BYTES = 16 * 1024 * 1024
_MAX_LAYERS = 4
_MAX_SKETCHES = 64
_MAX_SKETCH_BYTES = 128 * 1024 * 1024


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
        """A picture to paint a mask on; hands over the painted layers, with bounded memory.

        The browser sends every layer ahead of the event that uses it. Gradio keeps them without limit of number,
        index or size until that event comes; here the oldest give way.
        """

        is_template = True
        _sketches: OrderedDict[str, dict[int, bytes]]
        _lock: threading.Lock

        def __new__(cls, *_: Any, **__: Any) -> MaskEditor:
            """Add the store; `__init__` stays Gradio's, whose signature names what the browser is told."""
            editor = super().__new__(cls)
            editor._sketches = OrderedDict()
            editor._lock = threading.Lock()
            return editor

        @server  # type: ignore[untyped-decorator]
        def accept_blobs(self, data: AcceptBlobs) -> None:
            """Keep one layer that a browser sent; the background and the composite are not needed."""
            sketch_id = str(data.data["id"])[:64]
            content = data.files[0][1] if data.files else b""
            index = str(data.data["index"])
            number = int(index) if index.isdecimal() else 0
            if data.data["type"] != "layer" or number >= _MAX_LAYERS or len(content) > _MAX_LAYER_BYTES:
                return
            with self._lock:
                self._sketches.setdefault(sketch_id, {})[number] = content
                self._sketches.move_to_end(sketch_id)
                while len(self._sketches) > _MAX_SKETCHES or self._bytes() > _MAX_SKETCH_BYTES:
                    self._sketches.popitem(last=False)

        def _bytes(self) -> int:
            return sum(len(content) for layers in self._sketches.values() for content in layers.values())

        def preprocess(self, payload: EditorData | None) -> list[Image.Image]:  # type: ignore[override]
            """Return the painted layers, RGBA.

            Raises:
                gr.Error: a layer is not a picture, or too large.
            """
            if payload is None:
                return []
            if payload.id is None:
                contents = [Path(layer.path).read_bytes() for layer in payload.layers[:_MAX_LAYERS]]
            else:
                with self._lock:
                    contents = list(self._sketches.get(payload.id, {}).values())
            return [_open_layer(content) for content in contents]


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
    """Write a file where Gradio serves it from and deletes it after its time; return its path."""
    return save_bytes_to_cache(content, name, get_upload_folder())
