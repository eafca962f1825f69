"""A view of a self-ensemble is one unit of work: others come in between, and a cancelled job stops after it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from restoration.engine.local.job import Answer, Job
from restoration.engine.local.scheduler import Scheduler
from restoration.models.shared.contract import Contract, Restorer
from restoration.types import Parameters, Progress, Queued
from tests.engine.local.restorers import WAIT_S, Identity, Watched

VIEWS = 4


class Viewed(Restorer):
    """Give the input back after some views; the first one waits for the gate."""

    def __init__(self, done: list[str]) -> None:
        self.contract = Contract(cpu_tile_px=64)
        self.gate = threading.Event()
        self.done = done

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        raise AssertionError("the engine works by units")

    def units(
        self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None
    ) -> Iterator[tuple[float, Tensor | None]]:
        for view in range(1, VIEWS):
            assert self.gate.wait(WAIT_S)
            self.done.append(f"view {view}")
            yield view / VIEWS, None
        self.done.append(f"view {VIEWS}")
        yield 1.0, image


def _pixels(value: float = 0.5) -> np.ndarray:
    return np.full((16, 16, 3), value, np.float32)


def test_every_view_is_reported() -> None:
    scheduler, restorer = Scheduler(torch.device("cpu")), Viewed([])
    restorer.gate.set()
    *events, answer = scheduler.run(Job(restorer, _pixels(), {}))
    scheduler.close()
    assert [event.fraction for event in events if isinstance(event, Progress)] == [0, 0.25, 0.5, 0.75, 1]
    assert isinstance(answer, Answer)
    np.testing.assert_array_equal(answer.pixels, _pixels())


def test_cancelled_job_stops_after_the_view_at_hand() -> None:
    scheduler, restorer = Scheduler(torch.device("cpu")), Viewed([])
    events = scheduler.run(Job(restorer, _pixels(), {}))
    assert isinstance(next(events), Progress)
    events.close()
    restorer.gate.set()
    scheduler.close()
    assert len(restorer.done) <= 1


def test_another_job_comes_in_between_two_views() -> None:
    done: list[str] = []
    scheduler, restorer = Scheduler(torch.device("cpu")), Viewed(done)
    other = Watched(lambda _: done.append("other"))
    long = scheduler.run(Job(restorer, _pixels(), {}))
    assert isinstance(next(long), Progress)
    short = scheduler.run(Job(other, _pixels(), {}))
    assert isinstance(next(short), Queued)
    restorer.gate.set()
    assert isinstance(list(short)[-1], Answer)
    assert isinstance(list(long)[-1], Answer)
    scheduler.close()
    assert done == ["view 1", "other", "view 2", "view 3", "view 4"]


def test_one_of_a_batch_is_cancelled_between_two_views() -> None:
    scheduler, restorer = Scheduler(torch.device("cpu")), Viewed([])
    released = threading.Event()
    blocker = scheduler.run(Job(Watched(lambda _: released.wait(WAIT_S)), _pixels(), {}))
    assert isinstance(next(blocker), Progress)
    first, second = (scheduler.run(Job(restorer, _pixels(value), {})) for value in (0.25, 0.75))
    assert isinstance(next(first), Queued)
    assert isinstance(next(second), Queued)
    released.set()
    list(blocker)
    assert isinstance(next(first), Progress)
    first.close()
    restorer.gate.set()
    answer = list(second)[-1]
    scheduler.close()
    assert isinstance(answer, Answer)
    np.testing.assert_array_equal(answer.pixels, _pixels(0.75))
    assert restorer.done == [f"view {view}" for view in range(1, VIEWS + 1)]


def test_a_model_without_views_is_one_unit() -> None:
    image = torch.rand(1, 3, 4, 4)
    ((fraction, restored),) = Identity().units(image, parameters=[{}])
    assert fraction == 1
    assert restored is not None
    assert torch.equal(restored, image)
