"""Memory of the host: shared among jobs; running out of it is recognised, and told to the user, in one place."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from restoration.errors import OutOfMemory, RestorationError

_LOOK_AGAIN_S = 0.5
_SMALL_SHARE = 0.05
_UNKNOWN_BYTES = 8 * 2**30
_WORDS = ("not enough memory", "out of memory", "can't allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception means that a device or the host has no memory left."""
    if isinstance(error, cv2.error):
        return bool(error.code == cv2.Error.StsNoMem)
    # torch's OutOfMemoryError is a RuntimeError; its CPU allocator and MPS raise a bare one, told by its text alone
    is_torchs = type(error).__name__ == "OutOfMemoryError" or any(words in str(error) for words in _WORDS)
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and is_torchs)


def for_the_user(error: Exception) -> Exception:
    """Return an error as the user is to read it: one of memory as `OutOfMemory`, any other as it is."""
    if isinstance(error, RestorationError) or not is_out_of_memory(error):
        return error
    told = OutOfMemory(
        "There is too little free memory for this picture and model; use a smaller picture or a lighter model."
    )
    told.__cause__ = error
    return told


@contextmanager
def memory_told() -> Iterator[None]:
    """Raise `OutOfMemory` in place of the dozen errors that mean the same."""
    try:
        yield
    except Exception as error:
        told = for_the_user(error)
        if told is error:
            raise
        raise told from error


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


class Room:
    """Memory that large jobs share: each takes what it will need and waits while others have it.

    Who came first is served first, so that the largest is not overtaken for ever; one that is larger than all there is
    runs alone. Small jobs neither wait nor count.

    Args:
        whole_bytes: what there is to share.
    """

    def __init__(self, whole_bytes: int) -> None:
        self._whole_bytes = whole_bytes
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
