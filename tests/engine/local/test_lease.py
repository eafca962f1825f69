"""Jobs that nobody follows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
import torch

from restoration.engine.local.job import Answer, Job
from restoration.engine.local.lease import END_AFTER_S, HOLD_AFTER_S, Lease
from restoration.engine.local.scheduler import Scheduler
from restoration.errors import LeaseExpired
from tests.engine.local.restorers import WAIT_S, Identity, Stepwise


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    made = Scheduler(torch.device("cpu"))
    yield made
    made.close()


def _picture() -> np.ndarray:
    return np.full((8, 8, 3), 0.5, np.float32)


def _runs_another(scheduler: Scheduler) -> bool:
    return isinstance(list(scheduler.run(Job(Identity(), _picture(), {})))[-1], Answer)


def test_lease_runs_only_while_nobody_waits() -> None:
    kept = Lease(0.0)
    assert not kept.is_over(HOLD_AFTER_S)
    assert kept.is_over(HOLD_AFTER_S + 0.01)
    assert kept.ends_s == END_AFTER_S
    assert kept.wait(HOLD_AFTER_S + 0.01)
    assert not kept.is_over(1e9)
    assert kept.ends_s is None
    kept.renew(100.0)
    assert not kept.is_over(100.0 + HOLD_AFTER_S)
    assert kept.ends_s == 100.0 + END_AFTER_S


def test_unread_job_rests_after_one_unit_and_goes_on_when_it_is_read(scheduler: Scheduler) -> None:
    slow = Stepwise()
    with closing(scheduler.run(Job(slow, _picture(), {}))) as events:
        next(events)
        assert slow.first_step.wait(WAIT_S)
        (run,) = scheduler._runs
        run.lease = Lease(time.perf_counter() - HOLD_AFTER_S - 1)
        slow.gate.set()
        assert _runs_another(scheduler)
        assert _runs_another(scheduler)
        assert slow.steps_done == 1
        *_, last = events
        assert isinstance(last, Answer)
        assert slow.steps_done == 100


def test_job_that_nobody_has_read_for_long_is_given_up(scheduler: Scheduler) -> None:
    slow = Stepwise()
    with closing(scheduler.run(Job(slow, _picture(), {}))) as events:
        next(events)
        assert slow.first_step.wait(WAIT_S)
        (run,) = scheduler._runs
        run.lease = Lease(time.perf_counter() - END_AFTER_S - 1)
        slow.gate.set()
        assert _runs_another(scheduler)
        assert scheduler.backlog_pixels == 0
        assert slow.steps_done == 1
        with pytest.raises(LeaseExpired, match="start it again"):
            list(events)
