"""Running out of memory is recognised whoever says so, and told in one sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from restoration.errors import InvalidRequest, OutOfMemory
from restoration.memory import for_the_user, is_out_of_memory, memory_told
from restoration.service.memory_budget import MemoryBudget, usable_bytes


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


# --- memory that jobs share


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restoration.service.memory_budget._LOOK_AGAIN_S", 0)


def _size(taking: Generator[None, None, int]) -> int | None:
    """Return what was taken; None where it has to wait."""
    try:
        next(taking)
    except StopIteration as end:
        size: int = end.value
        return size
    return None


def test_those_that_fit_go_together_and_the_next_one_waits() -> None:
    room = MemoryBudget(100)
    assert _size(room.take(60)) == 60
    assert _size(room.take(40)) == 40
    waiting = room.take(10)
    assert _size(waiting) is None
    room.give_back(40)
    assert _size(waiting) == 10


def test_the_largest_is_not_overtaken_by_others() -> None:
    room = MemoryBudget(100)
    assert _size(room.take(50)) == 50
    largest, other = room.take(80), room.take(10)
    assert _size(largest) is None
    assert _size(other) is None
    room.give_back(50)
    assert _size(other) is None
    assert _size(largest) == 80
    assert _size(other) == 10


def test_small_ones_never_wait_and_hold_nobody_up() -> None:
    room = MemoryBudget(100)
    assert _size(room.take(5)) == 0
    assert _size(room.take(100)) == 100
    assert _size(room.take(50)) is None
    assert _size(room.take(5)) == 0


def test_what_is_larger_than_all_there_is_runs_alone() -> None:
    room = MemoryBudget(100)
    assert _size(room.take(1000)) == 100
    waiting = room.take(10)
    assert _size(waiting) is None
    room.give_back(100)
    assert _size(waiting) == 10


def test_who_goes_away_while_waiting_blocks_nobody() -> None:
    room = MemoryBudget(100)
    assert _size(room.take(100)) == 100
    with contextlib.closing(room.take(50)) as gone:
        assert _size(gone) is None
    waiting = room.take(30)
    assert _size(waiting) is None
    room.give_back(100)
    assert _size(waiting) == 30
    assert _size(room.take(70)) == 70


@pytest.mark.parametrize(("limit", "expected"), [("1048576\n", 1048576), ("max\n", None), (None, None)])
def test_the_containers_limit_counts(tmp_path: Path, limit: str | None, expected: int | None) -> None:
    file = tmp_path / "memory.max"
    if limit is not None:
        file.write_text(limit)
    assert usable_bytes(file) == (expected or usable_bytes(tmp_path / "none"))
