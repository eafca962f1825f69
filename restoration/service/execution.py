"""Carrying out a plan: the weights, the blur kernel, room in memory, the passes, and the result."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace

import numpy as np

from restoration.arrays import FloatArray
from restoration.catalogue.parameters import in_model_units, strength_of
from restoration.engine.base import Engine
from restoration.errors import WeightsUnavailable
from restoration.images import bleed_alpha
from restoration.service import undamaged
from restoration.service.choice import Offer
from restoration.service.compositing import alpha_of_fill, alpha_of_size, has_shape, joined, mixed_by_strength
from restoration.service.deblurring import ESTIMATE, POINT, find_kernel
from restoration.service.dots import with_dots
from restoration.service.enlarging import consistency_of
from restoration.service.memory_budget import MemoryBudget, picture_memory_bytes
from restoration.service.passes import Passes, TakeSignal
from restoration.service.plan import Plan
from restoration.service.run_log import RunLog
from restoration.service.waiting import in_time, with_message
from restoration.types import Done, Event, Parameters, Progress, Queued, RestoreResult, RunStats
from restoration.weights import store

_LOOK_AGAIN_S = 0.5


class Executor:
    """Carry out plans, any number at once.

    Args:
        engine: returns what computes; called with the first job.
        offer: names another model where the weights of one are not to be had.
        memory: shared with all that hold large pictures.
    """

    def __init__(self, engine: Callable[[], Engine], offer: Offer, memory: MemoryBudget) -> None:
        self._engine = engine
        self._offer = offer
        self._memory = memory
        self._estimates = threading.BoundedSemaphore(max(1, (os.cpu_count() or 1) // 2))

    def carry_out(self, plan: Plan, run: RunLog, take: TakeSignal) -> Generator[Event, None, None]:
        """Yield what happens; the last event is `Done`, and its memory is given to others when this is closed."""
        yield Progress(0.0, "Loading the model")
        engine = self._engine()
        plan = with_dots(plan)
        if not plan.is_left:
            yield from in_time(self._fetch_weights(plan), plan.deadline_s)
            plan = yield from self._with_kernel(plan, run)
        size_bytes = picture_memory_bytes(plan.picture.width * plan.picture.height + plan.largest_pixels)
        waiting = with_message(self._memory.take(size_bytes), "Other large pictures are finished first")
        taken_bytes = yield from in_time(waiting, plan.deadline_s)
        try:  # until the result is written: whoever takes it closes the iterator then
            passes = Passes(engine, plan, run, take=take if plan.info.is_anytime else TakeSignal())
            answer, alpha = yield from _restored(plan, passes)
            yield Done(_result(plan, run, answer, alpha))
        finally:
            self._memory.give_back(taken_bytes)

    def _fetch_weights(self, plan: Plan) -> Generator[Progress, None, None]:
        """Download what the model needs, in this job's own time: other jobs go on.

        Raises:
            WeightsUnavailable: the message also names a model that can do the task now.
        """
        for file in plan.info.files:
            if not any(file.is_needed(parameters) for parameters in plan.passes):
                continue
            try:
                with closing(store.fetch(file, model=plan.info.title)) as steps:
                    for step in steps:
                        yield Progress(0.0, str(step), step.eta_s)
            except WeightsUnavailable as error:
                other = self._offer.substitute(plan.info, plan.task)
                if other is None:
                    raise
                message = f'{error} {other.title} (model "{other.id}") works now.'
                raise WeightsUnavailable(message, model=plan.info.id) from error

    def _with_kernel(self, plan: Plan, run: RunLog) -> Generator[Progress, None, Plan]:
        """Return the plan with the kernel of its blur, which is found once for the whole picture."""
        if plan.kernel is not None or plan.info.param("blur") is None:
            return plan
        if plan.parameters["blur"] == ESTIMATE and undamaged.is_sharp(plan.picture):
            return replace(plan, kernel=POINT, is_left=True, notes=(*plan.notes, undamaged.NO_BLUR))
        started_s = time.perf_counter()
        parameters = in_model_units(plan.info, plan.parameters)
        photo = plan.part.cut(plan.picture.pixels)
        kernel, notes = yield from in_time(self._find_kernel(photo, parameters), plan.deadline_s)
        elapsed_s = time.perf_counter() - started_s
        run.add(RunStats(device="cpu", dtype="float32", queue_s=0.0, run_s=elapsed_s, tiles=0, peak_bytes=None))
        return replace(plan, kernel=kernel, notes=(*plan.notes, *notes))

    def _find_kernel(
        self, pixels: FloatArray, parameters: Parameters
    ) -> Generator[Progress, None, tuple[FloatArray, tuple[str, ...]]]:
        """Find a kernel, with few others at a time: estimates are long, and the processor is there for all jobs."""
        if parameters["blur"] != ESTIMATE:
            return (yield from find_kernel(pixels, parameters))
        while not self._estimates.acquire(timeout=_LOOK_AGAIN_S):
            yield Progress(0.0, "Other pictures' blur is being estimated first")
        try:
            return (yield from find_kernel(pixels, parameters))
        finally:
            self._estimates.release()


def _restored(plan: Plan, passes: Passes) -> Generator[Queued | Progress, None, tuple[FloatArray, FloatArray | None]]:
    """Yield the events of all passes; return the model's answer and the alpha channel at its size."""
    alpha = plan.picture.alpha
    is_enlarged_apart = has_shape(alpha) and plan.enlargement is not None and not plan.info.is_anytime
    share = 0.5 if is_enlarged_apart else 1.0
    before = bleed_alpha(plan.picture)
    source = plan.part.cut(before)
    answer = yield from passes.restore(source, first=0.0, share=share, has_preview=plan.has_preview)
    answer = plan.part.put_back(answer, before, width=plan.width, height=plan.height)
    if plan.is_left:
        answer = plan.picture.pixels
    if alpha is None:
        return answer, None
    if not is_enlarged_apart:  # a method that takes minutes does not run once more for the alpha
        return answer, alpha_of_size(alpha, height=answer.shape[0], width=answer.shape[1])
    opacity = np.repeat(alpha[..., None], 3, axis=2)
    without = plan.passes_without_damage
    restored = yield from passes.restore(opacity, first=share, share=share, passes=without)
    return answer, np.ascontiguousarray(restored.mean(axis=2))


def _result(plan: Plan, run: RunLog, answer: FloatArray, alpha: FloatArray | None) -> RestoreResult:
    colours = mixed_by_strength(plan.picture, answer, strength=strength_of(plan.info, plan.parameters))
    if plan.mask is not None:
        colours = joined(plan.picture.pixels, colours, plan.mask, feather_px=plan.feather_px)
        alpha = alpha_of_fill(alpha, plan.mask)
    assert run.stats is not None
    return RestoreResult(
        picture=plan.picture.with_pixels(colours, alpha=alpha),
        answer=answer,
        original=plan.picture,
        task=plan.task,
        model=plan.info,
        parameters=plan.parameters,
        stats=run.stats,
        weights=run.weights,
        kernel=plan.kernel,
        consistency_db=None if plan.enlargement is None else consistency_of(colours, plan.picture),
        notes=(*plan.notes, *run.notes),
    )
