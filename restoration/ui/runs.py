"""The runs of the page: which have begun, which are cancelled, and which are to end with what there is."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from restoration.service.door import Restoration

CONCURRENT_RUNS = 8
"""Runs that may be in progress at once; the engine shares the device between them fairly, tile by tile."""
RUN_GROUP = "restore"
_MOST_TICKETS = 1000


@dataclass
class _Run:
    """One press of Restore.

    Args:
        path: of its picture, None until it begins.
        is_left: it was cancelled because the page shows another picture.
        is_taken: its user takes what there is.
        restoration: the work, while it is in progress.
    """

    path: str | None = None
    has_begun: bool = False
    is_cancelled: bool = False
    is_left: bool = False
    is_taken: bool = False
    restoration: Restoration | None = None


class Runs:
    """Keep the state of runs by their secret numbers; the oldest are forgotten.

    The end of a cancelled run that has begun comes through its own events, so that no late progress can overwrite it.
    One that still waits is over at once: when its turn comes, it shows nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, _Run] = OrderedDict()

    def begin(self, ticket: str, path: str | None) -> bool:
        """Note that a run of a picture has begun; tell whether it may go on."""
        with self._lock:
            run = self._noted(ticket)
            if run.is_cancelled:
                return False
            run.path, run.has_begun = path, True
            return True

    def cancel(self, ticket: str) -> bool:
        """Cancel a run; tell whether it had begun."""
        with self._lock:
            run = self._noted(ticket)
            run.is_cancelled = True
            return run.has_begun

    def take(self, ticket: str) -> None:
        """End a run with what there is."""
        with self._lock:
            run = self._noted(ticket)
            run.is_taken = True
            if run.restoration is not None:
                run.restoration.take()

    @contextmanager
    def working(self, ticket: str, restoration: Restoration) -> Iterator[Restoration]:
        """Let the user of a run reach its work inside the block; close the work after it."""
        with self._lock:
            run = self._noted(ticket)
            run.restoration = restoration
            if run.is_taken:
                restoration.take()
        try:
            with closing(restoration):
                yield restoration
        finally:
            with self._lock:
                run.restoration = None

    def leave(self, ticket: str, path: str | None) -> None:
        """Cancel a run that has begun if its picture is not the one that the page shows now."""
        with self._lock:
            run = self._runs.get(ticket)
            if run is not None and run.has_begun and run.path != path:
                run.is_cancelled = run.is_left = True

    def is_cancelled(self, ticket: str) -> bool:
        """Tell whether a run that has begun is to stop."""
        with self._lock:
            return ticket in self._runs and self._runs[ticket].is_cancelled

    def is_left(self, ticket: str) -> bool:
        """Tell whether a run has stopped because the page shows another picture."""
        with self._lock:
            return ticket in self._runs and self._runs[ticket].is_left

    def _noted(self, ticket: str) -> _Run:
        run = self._runs.setdefault(ticket, _Run())
        while len(self._runs) > _MOST_TICKETS:
            self._runs.popitem(last=False)
        return run
