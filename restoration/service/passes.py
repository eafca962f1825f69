"""The passes of a picture through its model, and what they tell on the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace

from restoration.arrays import FloatArray
from restoration.engine.base import Engine, JobRequest, RunningJob
from restoration.service.dots import without_dots
from restoration.service.enlarging import resampled
from restoration.service.plan import Plan
from restoration.service.run_log import RunLog
from restoration.types import Parameters, Progress, Queued, RunStats

NOTHING_DONE = RunStats(device="cpu", dtype="float32", queue_s=0.0, run_s=0.0, tiles=0, peak_bytes=None)


class TakeSignal:
    """Carries the wish of a user to take what there is to the job in progress, or to the next one where none is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._job: RunningJob | None = None
        self._is_waiting = False

    def send(self) -> None:
        """Take what there is; from any thread."""
        with self._lock:
            if self._job is None:
                self._is_waiting = True
            else:
                self._job.take()

    @contextmanager
    def reaching(self, job: RunningJob) -> Iterator[None]:
        """Hand the wish to a job inside the block, also one that came before."""
        with self._lock:
            self._job = job
            if self._is_waiting:
                job.take()
            self._is_waiting = False
        try:
            yield
        finally:
            with self._lock:
                self._job = None


class Passes:
    """Run a checked request on an engine.

    Args:
        run: takes in what the jobs cost and tell.
    """

    def __init__(self, engine: Engine, plan: Plan, run: RunLog, *, take: TakeSignal) -> None:
        self._engine = engine
        self._plan = plan
        self._run = run
        self._take = take

    def restore(
        self,
        pixels: FloatArray,
        *,
        first: float,
        share: float,
        has_preview: bool = False,
        passes: Sequence[Parameters] | None = None,
    ) -> Generator[Queued | Progress, None, FloatArray]:
        """Yield the engine's events, fractions mapped to [first, first + share]; return the restored pixels.

        Several passes share the fraction by their pixels.

        Args:
            passes: their parameters; None takes those of the plan.
        """
        plan = self._plan
        if plan.is_left:
            self._run.add(NOTHING_DONE)
            return pixels
        passes = plan.passes if passes is None else passes
        costs = [1.0]
        for earlier in passes[:-1]:
            costs.append(costs[-1] * float(earlier["scale"]) ** 2)
        for parameters, cost in zip(passes, costs, strict=True):
            part = share * cost / sum(costs)
            pixels = yield from self._once(pixels, parameters, first=first, share=part, has_preview=has_preview)
            first += part
        if plan.enlargement is None:
            return without_dots(pixels, plan)
        width, height = plan.part.size_in(width=plan.width, height=plan.height, of=plan.picture)
        return resampled(pixels, width=width, height=height)

    def _once(
        self, pixels: FloatArray, parameters: Parameters, *, first: float, share: float, has_preview: bool
    ) -> Generator[Queued | Progress, None, FloatArray]:
        request = self._request(pixels, parameters, has_preview=has_preview)
        pass_s: float | None = None
        with closing(self._engine.run(request)) as job, self._take.reaching(job):
            for event in job:
                if isinstance(event, Queued):
                    yield event
                elif isinstance(event, Progress):
                    if event.eta_s is not None and event.fraction < 1:
                        pass_s = event.eta_s / (1 - event.fraction)
                    left_s = None if pass_s is None else pass_s * ((1 - first) / share - event.fraction)
                    yield replace(event, fraction=first + share * event.fraction, eta_s=left_s)
                else:
                    self._run.add(event.stats, weights=event.weights, notes=event.notes)
                    return event.pixels
        raise AssertionError("the engine ended without an answer")

    def _request(self, pixels: FloatArray, parameters: Parameters, *, has_preview: bool) -> JobRequest:
        plan = self._plan
        return JobRequest(
            info=plan.info,
            parameters=parameters,
            pixels=pixels,
            mask=plan.mask if plan.dots is None else plan.dots,
            kernel=plan.kernel,
            precision=plan.precision,
            tile_px=plan.tile_px,
            seconds_left=None if plan.deadline_s is None else plan.deadline_s - time.perf_counter(),
            has_preview=has_preview,
        )
