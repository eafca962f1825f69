"""Taking pictures in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import Dependency

from restoration.errors import InvalidImage, RestorationError
from restoration.service.uploads import Uploads
from restoration.ui import previews, status, text
from restoration.ui.components import keep_file
from restoration.ui.panel import PicturePart


def wire_upload(picture: PicturePart, uploads: Uploads) -> Dependency:
    """Keep the original file of every upload; show a preview where browsers cannot show the file."""

    def take_picture(path: str | None) -> tuple[Any, Any, str]:
        """Return the new source, what to show, and the caption."""
        if path is None:
            return None, gr.skip(), ""
        try:
            source, shown, caption = take_file(uploads, path)
        except RestorationError as error:
            return None, None, status.failure(str(error))
        return source, gr.skip() if shown == path else shown, caption

    event: Dependency = picture.image.input(
        take_picture,
        inputs=picture.image,
        outputs=[picture.source, picture.image, picture.caption],
        show_progress="minimal",
        show_progress_on=picture.image,
        queue=False,  # a queue full of others' runs refuses nobody's picture
        api_visibility="private",
    )
    return event


def take_file(uploads: Uploads, path: str) -> tuple[str, str, str]:
    """Return the new source, what to show, and the caption of a file that the page does not show yet.

    Raises:
        InvalidImage: it is no picture.
    """
    line = previews.caption_of(path)
    preview = previews.browser_preview(uploads, path)
    shown = path if preview is None else keep_file(preview, f"{previews.stem_of(path)}.png")
    return path, shown, status.caption(line)


def present(path: str | None) -> str:
    """Return the path of the picture.

    Raises:
        InvalidImage: there is none, or its time is over.
    """
    if path is None:
        raise InvalidImage(text.NO_PICTURE)
    if not Path(path).is_file():
        raise InvalidImage(text.PICTURE_GONE)
    return path
