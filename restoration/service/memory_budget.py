"""Memory of the host, shared among the pictures in progress."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

_LOOK_AGAIN_S = 0.5
_SMALL_SHARE = 0.05
_UNKNOWN_BYTES = 8 * 2**30
_SHARE_FOR_PICTURES = 0.5
"""Of the memory: the rest is for models, tiles, and whatever else the machine does."""
_BYTES_PER_PIXEL = 45
"""Of a picture before or after: 4 megapixels x4 take 3.2 GB in all, 16 denoised ones 2.05 GB (`bench speed`)."""


def picture_memory_bytes(pixels: int) -> int:
    """Return the memory that a run needs for pictures of so many pixels, before and after together."""
    return _BYTES_PER_PIXEL * pixels


def usable_bytes(memory_max: Path = Path("/sys/fs/cgroup/memory.max")) -> int:
    """Return the memory that the machine and the container (cgroup version 2) have for this process and others."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows
        whole = _UNKNOWN_BYTES
    try:
        return min(whole, int(memory_max.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no container, or one without a limit
        return whole


class MemoryBudget:
    """Memory that large jobs share: each takes what it will need and waits while others have it.

    Who came first is served first, so that the largest is not overtaken for ever; one that is larger than all there is
    runs alone. Small jobs neither wait nor count.

    Args:
        whole_bytes: what there is to share; None takes half of the memory.
    """

    def __init__(self, whole_bytes: int | None = None) -> None:
        self._whole_bytes = int(_SHARE_FOR_PICTURES * usable_bytes()) if whole_bytes is None else whole_bytes
        self._taken_bytes = 0
        self._waiting: list[object] = []
        self._changed = threading.Condition()

    def take(self, size_bytes: int) -> Generator[None, None, int]:
        """Wait for room and take it; yield now and then meanwhile. Return how many bytes to give back in the end."""
        if size_bytes <= _SMALL_SHARE * self._whole_bytes:
            return 0
        size, ticket = min(size_bytes, self._whole_bytes), object()
        with self._changed:
            self._waiting.append(ticket)
        try:
            while not self._took(ticket, size):
                yield
        finally:
            with self._changed:
                self._waiting.remove(ticket)
                self._changed.notify_all()
        return size

    @contextmanager
    def taken(self, size_bytes: int) -> Iterator[None]:
        """Wait for room and hold it inside the block."""
        taking = self.take(size_bytes)
        while True:
            try:
                next(taking)
            except StopIteration as end:
                taken_bytes: int = end.value
                break
        try:
            yield
        finally:
            self.give_back(taken_bytes)

    def give_back(self, size_bytes: int) -> None:
        """Let others have what `take` returned."""
        with self._changed:
            self._taken_bytes -= size_bytes
            self._changed.notify_all()

    def _took(self, ticket: object, size: int) -> bool:
        def is_turn() -> bool:
            return self._waiting[0] is ticket and self._taken_bytes + size <= self._whole_bytes

        with self._changed:
            if not self._changed.wait_for(is_turn, timeout=_LOOK_AGAIN_S):
                return False
            self._taken_bytes += size
            return True
