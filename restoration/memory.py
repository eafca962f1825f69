"""Recognise out-of-memory errors of all libraries in one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cv2

from restoration.errors import OutOfMemory, RestorationError

_WORDS = ("not enough memory", "out of memory", "can't allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception means that a device or the host is out of memory."""
    if isinstance(error, cv2.error):
        return bool(error.code == cv2.Error.StsNoMem)
    # torch's OutOfMemoryError is a RuntimeError; its CPU allocator and MPS raise a bare one, told by its text alone
    is_torchs = type(error).__name__ == "OutOfMemoryError" or any(words in str(error) for words in _WORDS)
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and is_torchs)


def for_the_user(error: Exception) -> Exception:
    """Return `OutOfMemory` for an out-of-memory error, and any other error unchanged."""
    if isinstance(error, RestorationError) or not is_out_of_memory(error):
        return error
    told = OutOfMemory(
        "There is not enough free memory for this picture and model; use a smaller picture or a lighter model."
    )
    told.__cause__ = error
    return told


@contextmanager
def memory_told() -> Iterator[None]:
    """Raise `OutOfMemory` in place of the many errors that mean it."""
    try:
        yield
    except Exception as error:
        told = for_the_user(error)
        if told is error:
            raise
        raise told from error
