"""Running out of memory is recognised whoever says so, and told in one sentence."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from restoration.errors import InvalidRequest, OutOfMemory
from restoration.memory import for_the_user, is_out_of_memory, memory_told


def _cv2_error(code: int) -> cv2.error:
    error = cv2.error("failed")
    error.code = code
    return error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA has none left"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 byte"),
        RuntimeError("MPS backend out of memory"),
        _cv2_error(cv2.Error.StsNoMem),
    ],
    ids=repr,
)
def test_every_way_to_say_that_memory_is_gone_becomes_one(error: Exception) -> None:
    assert is_out_of_memory(error)
    with pytest.raises(OutOfMemory, match="smaller picture") as told, memory_told():
        raise error
    assert told.value.__cause__ is error


OTHERS = [RuntimeError("size mismatch"), ValueError("out of memory"), _cv2_error(-215)]


@pytest.mark.parametrize("error", OTHERS, ids=repr)
def test_other_errors_are_not_taken_for_it(error: Exception) -> None:
    assert for_the_user(error) is error
    with pytest.raises(type(error)) as raised, memory_told():
        raise error
    assert raised.value is error


def test_what_is_told_already_stays_as_it_is() -> None:
    error = InvalidRequest("The picture is out of memory's reach.")
    assert for_the_user(error) is error


def test_what_opencv_really_raises_is_recognised() -> None:
    row = np.zeros((1, 2**24), np.float64)
    with pytest.raises(cv2.error) as raised:
        cv2.copyMakeBorder(row, 2**24, 0, 2**24, 0, cv2.BORDER_CONSTANT)
    assert is_out_of_memory(raised.value)
