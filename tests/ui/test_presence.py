"""A call ends when its client has gone."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest
from gradio.context import LocalContext

from restoration.errors import LeaseExpired
from restoration.service.door import Restoration
from restoration.ui.api import _wait
from restoration.ui.presence import client_presence


def _in_call(event: SimpleNamespace) -> contextvars.Context:
    """Return a context in which Gradio handles an event."""
    context = contextvars.copy_context()
    page = SimpleNamespace(_queue=SimpleNamespace(active_jobs=[None, [event]]))
    context.run(LocalContext.blocks.set, cast("Any", page))
    context.run(LocalContext.event_id.set, event._id)
    return context


def test_client_is_there_until_gradio_notes_that_it_has_gone() -> None:
    event = SimpleNamespace(_id="7", alive=True)
    is_there = _in_call(event).run(client_presence)
    assert is_there()
    event.alive = False
    assert not is_there()


def test_call_outside_the_queue_has_its_client() -> None:
    assert client_presence()()


def test_work_of_a_client_that_has_gone_is_closed() -> None:
    closed = threading.Event()
    restoration = cast("Restoration", SimpleNamespace(close=closed.set))
    context = _in_call(SimpleNamespace(_id="7", alive=False))
    with pytest.raises(LeaseExpired):
        context.run(asyncio.run, _wait(restoration, lambda _: None))
    assert closed.wait(20)
