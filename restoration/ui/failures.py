"""Errors inside an event of the page become sentences for its user."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from restoration.errors import RestorationError
from restoration.ui import text

log = logging.getLogger(__name__)


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn errors inside the block into sentences for the user; the unexpected ones go to the log."""
    try:
        yield
    except RestorationError as error:
        raise gr.Error(str(error), print_exception=False) from error
    except gr.Error:
        raise
    except Exception as error:
        log.exception("an event of the page failed")
        raise gr.Error(text.UNEXPECTED, print_exception=False) from error
