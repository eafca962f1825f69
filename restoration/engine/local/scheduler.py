"""One device, one worker thread, the tiles of all running jobs.

The worker always serves the job that has used the device least (fair queueing by time), so a small picture never waits
for a huge one to end. Tiles of other jobs with the same model, precision and shape are batched as long as that is
faster. Every unit of work is short: a cancelled or late job stops before its next one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Generator, Iterator

import numpy as np
import torch
from torch import Tensor

from restoration.arrays import FloatArray
from restoration.devices.device import activation_budget_bytes, release_cached, reset_peak
from restoration.engine.local.guard import fault_of
from restoration.engine.local.job import Answer, Job, JobEvent
from restoration.engine.local.job_state import Batch, JobState, Unit, padded_pixels, padded_shape
from restoration.engine.local.tiling import Tile
from restoration.errors import DeadlinePassed, LeaseExpired, UnstableOutput
from restoration.memory import for_the_user, is_out_of_memory
from restoration.models.shared.contract import Contract, Restorer
from restoration.models.shared.global_pass import GlobalPassRestorer
from restoration.types import Queued

log = logging.getLogger(__name__)

_LARGEST_BATCH = 16
_GATHER_S = 0.003
_IDLE_S = 10.0

_Key = tuple[int, tuple[int, int], bool]


class Scheduler:
    """Run jobs on one device. Any number of threads may call `run` at once.

    Args:
        gather_s: how long a batch that is not full waits for more tiles while other jobs are running; None chooses.
    """

    def __init__(self, device: torch.device, *, gather_s: float | None = None) -> None:
        self.device = device
        self._gather_s = (_GATHER_S if device.type == "cuda" else 0.0) if gather_s is None else gather_s
        self._runs: list[JobState] = []
        self._changed = threading.Condition()
        self._worker: threading.Thread | None = None
        self._is_closed = False
        self._is_tidy = True
        self._count = 0
        self._clock_s = 0.0
        self._batch_limits: dict[_Key, int] = {}

    @property
    def backlog_pixels(self) -> int:
        """Pixels that wait for this device."""
        with self._changed:
            return sum(run.remaining_pixels for run in self._runs)

    def run(self, job: Job) -> Generator[JobEvent, None, None]:
        """Submit a job and yield its events, the last one an `Answer`. Closing the iterator cancels the job.

        Raises:
            OutOfMemory: not even the smallest tile fits.
            UnstableOutput: the model's answer is no picture, also in float32.
            DeadlinePassed: the job's time is over.
            LeaseExpired: nobody read its events for too long.
        """
        run, others = self._submit(job)
        try:
            if others:
                yield Queued(others)
            while True:
                event = self._next_event(run)
                if isinstance(event, BaseException):
                    raise event
                yield event
                if isinstance(event, Answer):
                    return
        finally:
            run.cancel()
            with self._changed:
                self._changed.notify_all()

    def _next_event(self, run: JobState) -> JobEvent | BaseException:
        if run.lease.wait(time.perf_counter()):
            with self._changed:
                self._changed.notify_all()
        try:
            return run.events.get()
        finally:
            run.lease.renew(time.perf_counter())

    def close(self) -> None:
        """End the worker thread; runs in progress fail."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            worker = self._worker
        if worker is not None:
            worker.join()

    def _submit(self, job: Job) -> tuple[JobState, int]:
        with self._changed:
            if self._is_closed:
                raise RuntimeError("the scheduler is closed")
            self._count += 1
            run = JobState(job, device=self.device, number=self._count, now_s=time.perf_counter())
            others = len(self._runs)
            if not others:
                reset_peak(self.device)
            run.account_s = self._clock_s
            self._runs.append(run)
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name=f"engine-{self.device}", daemon=True)
                self._worker.start()
            self._is_tidy = False
            self._changed.notify_all()
            return run, others

    # --- the worker thread

    def _work(self) -> None:
        while True:
            try:
                with self._changed:
                    batch = self._next_batch()
                if batch is None:
                    return
                self._carry_out(batch)
            except Exception as error:  # a fault of the scheduler itself: nobody may wait for ever
                log.exception("the scheduler of %s failed", self.device)
                with self._changed:
                    for run in self._runs:
                        run.fail(for_the_user(error))
            batch = None

    def _next_batch(self) -> Batch | None:
        """Wait for work and return it; None when the scheduler is closed."""
        while True:
            self._drop_ended()
            if self._is_closed:
                for run in self._runs:
                    run.fail(RuntimeError("the scheduler was closed"))
                self._runs.clear()
                return None
            now_s = time.perf_counter()
            ready = sorted(
                (run for run in self._runs if run.is_ready(now_s)),
                key=lambda run: (run.account_s, run.remaining_pixels, run.number),
            )
            if not ready:
                self._rest()
                continue
            self._clock_s = max(self._clock_s, ready[0].account_s)
            if ready[0].batch is not None:
                return ready[0].batch
            for run in ready:
                run.split_too_large()
            units, has_room = self._collect([run for run in ready if run.batch is None])
            is_alone = len(self._runs) == len({unit.run.number for unit in units})
            if has_room and self._gather_s and not is_alone and self._changed.wait(self._gather_s):
                for unit in reversed(units):
                    unit.run.put_back(unit.tile)
                continue  # somebody came or went: look again
            return Batch(units)

    def _drop_ended(self) -> None:
        now_s = time.perf_counter()
        for run in self._runs:
            deadline_s = run.job.deadline_s
            if run.is_cancelled:
                run.release()
            elif not run.is_ended and deadline_s is not None and now_s >= deadline_s:
                run.fail(DeadlinePassed())
            elif not run.is_ended and run.lease.ends_s is not None and now_s >= run.lease.ends_s:
                run.fail(LeaseExpired())
        self._runs = [run for run in self._runs if not run.is_ended]
        if not self._runs:
            self._batch_limits.clear()

    def _rest(self) -> None:
        """Wait until something changes; after a while without any job, hand memory back to the device."""
        ends_s = [end_s for run in self._runs for end_s in (run.job.deadline_s, run.lease.ends_s) if end_s is not None]
        if ends_s:
            self._changed.wait(max(0.0, min(ends_s) - time.perf_counter()))
        elif self._runs or self._is_tidy:
            self._changed.wait()
        elif not self._changed.wait(_IDLE_S):
            release_cached(self.device)
            self._is_tidy = True

    def _collect(self, ready: list[JobState]) -> tuple[list[Unit], bool]:
        """Take the first run's next tile and those that fit beside it; tell whether there was room for more."""
        lead = ready[0]
        first = lead.take()
        batch = [Unit(lead, first)]
        contract = lead.restorer.contract
        if contract.is_iterative or not contract.runs_on_device or lead.is_alone:
            return batch, False
        key = _key(lead, first)
        most = min(self._largest_batch(lead, first), self._batch_limits.get(key, _LARGEST_BATCH))
        for run in [*ready[1:], lead]:  # others first: a run must not fill its own batch while they wait
            while len(batch) < most and not run.is_alone:
                tile = run.next_tile
                if tile is None or _key(run, tile) != key:
                    break
                batch.append(Unit(run, run.take()))
        return batch, len(batch) < most

    def _largest_batch(self, run: JobState, tile: Tile) -> int:
        """Return the batch size up to which batching is faster, within the memory budget."""
        contract = run.restorer.contract
        pixels = padded_pixels(tile, run.plan, contract)
        if self.device.type == "cpu":
            return max(1, contract.cpu_tile_px**2 // pixels)
        if contract.activation_bytes_per_pixel <= 0:
            return 1
        tile_bytes = pixels * contract.activation_bytes_per_pixel * torch.finfo(run.dtype).bits / 32
        return max(1, int(activation_budget_bytes(self.device) / tile_bytes))

    def _carry_out(self, batch: Batch) -> None:
        """Do one unit of work on a batch; after the last one, distribute its outputs."""
        started_s = time.perf_counter()
        lead = batch.units[0]
        is_iterative = lead.run.restorer.contract.is_iterative
        answers: list[FloatArray] | None
        try:
            if not batch.windows:
                for unit in batch.units:
                    unit.run.begin(started_s)
                batch.windows = [unit.run.window(unit.tile) for unit in batch.units]
            fraction, answers = self._step(lead, batch.windows[0]) if is_iterative else self._infer(batch)
        except Exception as error:  # whatever a model raises ends its own jobs, never the worker
            self._recover(batch.units, error)
            return
        finally:
            share_s = (time.perf_counter() - started_s) / len(batch.units)
            for unit in batch.units:
                unit.run.charge(share_s)
                unit.run.batch = None
        now_s = time.perf_counter()
        if answers is None:
            for unit in batch.units:
                if not unit.run.is_ended:
                    unit.run.batch = batch
                    unit.run.report_unit(unit.tile, fraction=fraction, now_s=now_s)
            return
        for unit, answer, (source, _) in zip(batch.units, answers, batch.windows, strict=True):
            if unit.run.is_ended:  # between two units
                continue
            try:
                self._hand_out(unit, answer, source, fraction=fraction, now_s=now_s)
            except Exception as error:  # for example no host memory for the canvas
                unit.run.fail(for_the_user(error))

    def _hand_out(self, unit: Unit, answer: FloatArray, source: FloatArray, *, fraction: float, now_s: float) -> None:
        fault = fault_of(answer, source, is_exact=unit.run.dtype == torch.float32)
        if fault is not None:
            self._retry_exactly(unit, fault)
        elif fraction < 1:
            unit.run.show(answer, unit.tile, fraction=fraction, now_s=now_s)
        else:
            unit.run.accept(answer, unit.tile, now_s=now_s)

    def _infer(self, batch: Batch) -> tuple[float, list[FloatArray] | None]:
        """Do the next unit of work on a batch; return (fraction done, its outputs after the last one)."""
        with torch.inference_mode():
            if batch.outputs is None:
                batch.outputs = self._outputs(batch)
            fraction, outputs = next(batch.outputs)
            return fraction, None if outputs is None else list(_to_arrays(outputs))

    def _outputs(self, batch: Batch) -> Iterator[tuple[float, Tensor | None]]:
        restorer = batch.units[0].run.restorer
        image = self._place(_stack([window for window, _ in batch.windows]), restorer.contract)
        masks = [mask for _, mask in batch.windows if mask is not None]
        mask = self._place(_stack(masks), restorer.contract) if masks else None
        parameters = [unit.run.job.parameters for unit in batch.units]
        if isinstance(restorer, GlobalPassRestorer):
            contexts = [unit.run.context(unit.tile) for unit in batch.units]
            yield 1.0, restorer.restore_tiles(image, parameters=parameters, contexts=contexts)
        else:
            yield from restorer.units(image, parameters=parameters, mask=mask)

    def _step(self, unit: Unit, window: tuple[FloatArray, FloatArray | None]) -> tuple[float, list[FloatArray]]:
        contract = unit.run.restorer.contract
        image = self._place(window[0][None], contract)
        mask = None if window[1] is None else self._place(window[1][None], contract)
        fraction, answer = unit.run.step(unit.tile, image, mask)
        return fraction, list(_to_arrays(answer))

    def _place(self, pictures: FloatArray, contract: Contract) -> Tensor:
        """Return (B, H, W, C) as a tensor (B, C, H, W) on the device; in memory that is torch's channels_last."""
        tensor = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2)
        if not contract.runs_on_device or self.device.type == "cpu":
            return tensor
        if self.device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self.device, non_blocking=True)

    def _recover(self, batch: list[Unit], error: Exception) -> None:
        """After a failed batch: smaller batches, then smaller tiles, then a clear end. Nothing else is ever pasted."""
        is_memory = is_out_of_memory(error)
        if is_memory:
            release_cached(self.device)
        if len(batch) > 1:
            if is_memory:
                self._batch_limits[_key(batch[0].run, batch[0].tile)] = len(batch) // 2
            for unit in reversed(batch):
                unit.run.is_alone = unit.run.is_alone or not is_memory
                unit.run.put_back(unit.tile)
            return
        (unit,) = batch
        if unit.run.is_ended or (is_memory and unit.run.split(unit.tile)):
            return
        unit.run.fail(for_the_user(error))

    def _retry_exactly(self, unit: Unit, fault: str) -> None:
        """Load the model in float32 outside the worker, then continue the job with it."""
        run = unit.run
        if run.is_blocked:  # another tile of the same batch had the same fault
            run.put_back(unit.tile)
            return
        load = run.job.exact
        if run.dtype == torch.float32 or load is None:
            run.fail(UnstableOutput(f"The model's output {fault}; try another model."))
            return
        log.warning("an answer in %s %s; the run continues in float32", run.dtype, fault)
        if not run.is_mid_tile:  # else its tile waits for the next step already
            run.put_back(unit.tile)
        run.is_blocked = True

        def exchange() -> None:
            restorer: Restorer | Exception
            try:
                restorer = load()
            except Exception as error:  # reaches the user through the run
                restorer = error
            with self._changed:
                if isinstance(restorer, Exception):
                    run.fail(for_the_user(restorer))
                elif not run.is_ended:
                    run.use_exact(restorer)
                run.is_blocked = False
                self._changed.notify_all()

        threading.Thread(target=exchange, name="engine-exact", daemon=True).start()


def _key(run: JobState, tile: Tile) -> _Key:
    """Tiles with equal keys can share a batch; a restorer has one precision."""
    return id(run.restorer), padded_shape(tile, run.plan, run.restorer.contract), run.job.mask is not None


def _stack(windows: list[FloatArray]) -> FloatArray:
    return windows[0][None] if len(windows) == 1 else np.stack(windows)


def _to_arrays(answer: Tensor) -> FloatArray:
    """Return (B, C, H, W) on any device as (B, H, W, C) on the host, without a copy where the layout allows it."""
    arrays: FloatArray = answer.float().permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return arrays
