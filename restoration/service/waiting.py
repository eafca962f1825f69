"""Waiting for steps that are generators: until a deadline, and with words for who waits."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from typing import TypeVar

from restoration.errors import DeadlinePassed
from restoration.types import Progress

_T = TypeVar("_T")


def in_time(steps: Generator[Progress, None, _T], deadline_s: float | None) -> Generator[Progress, None, _T]:
    """Pass steps on until they end or the deadline is over; return what they return.

    Args:
        deadline_s: `time.perf_counter()` value; None for no deadline.

    Raises:
        DeadlinePassed: they did not end before.
    """
    with closing(steps):
        while True:
            if deadline_s is not None and time.perf_counter() >= deadline_s:
                raise DeadlinePassed
            try:
                yield next(steps)
            except StopIteration as end:
                answer: _T = end.value
                return answer


def with_message(steps: Generator[None, None, _T], message: str) -> Generator[Progress, None, _T]:
    """Return what steps return, with a message for each of them."""
    with closing(steps):
        while True:
            try:
                next(steps)
            except StopIteration as end:
                answer: _T = end.value
                return answer
            yield Progress(0.0, message)
