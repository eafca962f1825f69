"""Whether the client of a call is still there."""

from __future__ import annotations

from collections.abc import Callable

from gradio.context import LocalContext


def client_presence() -> Callable[[], bool]:
    """Return a function that tells whether the client whose event is being handled is still there.

    Gradio notes on the event that its client has gone, but lets a call that is no generator run on.
    """
    page, event_id = LocalContext.blocks.get(None), LocalContext.event_id.get(None)

    def is_there() -> bool:
        if page is None or event_id is None:
            return True
        events = [event for batch in list(page._queue.active_jobs) for event in batch or ()]
        return all(event.alive for event in events if event._id == event_id)

    return is_there
