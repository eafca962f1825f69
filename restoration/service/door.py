"""The only door: the page, the API, the command line and Python code all restore pictures through here."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from restoration.catalogue.parameters import complete
from restoration.engine.base import Engine
from restoration.errors import InvalidRequest, RestorationError
from restoration.memory import memory_told
from restoration.service.choice import Offer
from restoration.service.execution import Executor
from restoration.service.forecast import Forecast, forecast
from restoration.service.memory_budget import MemoryBudget, picture_memory_bytes
from restoration.service.passes import TakeSignal
from restoration.service.plan import Plan, check_choices, make_plan, task_named
from restoration.service.records import Records, default_path
from restoration.service.run_log import RunLog
from restoration.service.uploads import Uploads
from restoration.types import Done, Event, ModelInfo, ModelStatus, RestoreRequest, RunRecord, Task

log = logging.getLogger(__name__)

_FORECAST_ROWS = 300


class Restoration(Iterator[Event]):
    """One restoration in progress: iterating does the work and gives its events, the last one `Done`.

    Closing it cancels the work, which then stops within one tile.
    """

    def __init__(self, events: Generator[Event, None, None], take: TakeSignal) -> None:
        self._events = events
        self._take = take

    def __next__(self) -> Event:
        return next(self._events)

    def take(self) -> None:
        """End with what there is, where the model is an anytime method (`ModelInfo.is_anytime`); from any thread."""
        self._take.send()

    def close(self) -> None:
        """Cancel what is not done."""
        self._events.close()


class Service:
    """Restore pictures on the devices of this machine. Any number of threads may use one service at once.

    Models that may not be used commercially are offered only where the environment variable
    `RESTORATION_NON_COMMERCIAL` is 1 while the service is made; elsewhere they are neither listed nor run.

    Args:
        models: the models on offer; None reads the manifest that ships, and the user's own.
        records_path: the SQLite file of the performance record; None takes the user's data folder.
        device: "cpu", "cuda:1" or "mps"; None takes the best present: all CUDA cards, then MPS, then the CPU.
        time_limit_s: a run that takes longer is given up; None for no limit.
        picture_bytes: memory that pictures in progress may take together; None takes half of what there is.
        engine: what computes; None takes the devices of this machine. One that is given is closed by who gave it.
    """

    def __init__(
        self,
        *,
        models: Sequence[ModelInfo] | None = None,
        records_path: Path | None = None,
        device: str | None = None,
        time_limit_s: float | None = None,
        picture_bytes: int | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.uploads = Uploads()
        self._offer = Offer(models)
        self._records = Records(default_path() if records_path is None else records_path)
        self._device = device
        self._time_limit_s = time_limit_s
        self._memory = MemoryBudget(picture_bytes)
        self._given_engine = engine
        self._engine_lock = threading.Lock()
        self._local_engine: Engine | None = None
        self._executor = Executor(self._engine, self._offer, self._memory)

    def list_models(self, task: Task | None = None) -> list[ModelStatus]:
        """Return the models of a task (None = all), its default first, and whether each can run now."""
        return self._offer.statuses(task)

    def restore(self, request: RestoreRequest) -> Restoration:
        """Restore one picture and yield what happens; the last event is `Done`.

        Closing the iterator cancels the work, which then stops within one tile.

        Raises:
            InvalidRequest: the picture, the mask, the model or a parameter is not fit for use.
            ModelUnavailable: the model's weights or a library are not to be had.
            OutOfMemory: the device's memory does not suffice even for the smallest tile.
            UnstableOutput: the network's answer is no picture, also in float32.
            DeadlinePassed: the service's time limit is over.
            LeaseExpired: nobody asked for the next event for too long.
        """
        take = TakeSignal()
        return Restoration(self._events(request, take), take)

    def forecast(self, model: str, *, pixels: int) -> Forecast | None:
        """Return what a run of a model on a picture of so many pixels will cost here; None where nothing tells."""
        models = {info.id: info for info in self._offer.models}
        if model not in models or pixels < 1:
            return None
        try:
            records = self._records.newest(limit=_FORECAST_ROWS)
        except (sqlite3.Error, OSError) as error:
            log.warning("the performance record cannot be read: %s", error)
            records = []
        return forecast(models[model], pixels=pixels, records=records, models=models)

    def list_records(self, *, limit: int = 1000) -> list[RunRecord]:
        """Return up to `limit` runs, newest first.

        Raises:
            InvalidRequest: the record cannot be read.
        """
        try:
            return self._records.newest(limit=limit)
        except (sqlite3.Error, OSError) as error:
            raise self._unreadable(error) from error

    def records_csv(self) -> str:
        """Return all runs, oldest first, as CSV text with a header line.

        Raises:
            InvalidRequest: the record cannot be read.
        """
        try:
            return self._records.to_csv()
        except (sqlite3.Error, OSError) as error:
            raise self._unreadable(error) from error

    def room_for(self, pixels: int) -> AbstractContextManager[None]:
        """Wait until pictures of so many pixels, before and after together, fit into memory beside those of runs."""
        return self._memory.taken(picture_memory_bytes(pixels))

    def warm_up(self) -> None:
        """Load torch and the default models in a background thread, so that the first user need not wait."""
        threading.Thread(target=self._warm_up, name="warm-up", daemon=True).start()

    def close(self) -> None:
        """End the worker threads; runs in progress fail. The next job would start them anew."""
        with self._engine_lock:
            engine, self._local_engine = self._local_engine, None
        if engine is not None:
            engine.close()

    def _events(self, request: RestoreRequest, take: TakeSignal) -> Generator[Event, None, None]:
        with memory_told():
            plan = self._prepare(request)
        run = RunLog(plan)
        outcome = "cancelled"
        try:
            with memory_told():
                for event in self._executor.carry_out(plan, run, take):
                    if isinstance(event, Done):
                        outcome = "done"
                        note = self._record(run, outcome)
                        event = Done(replace(event.result, notes=(*event.result.notes, *note)))
                    yield event
        except Exception as error:  # a closed iterator ends in GeneratorExit, which is none
            outcome = type(error).__name__
            raise
        finally:
            if outcome != "done":
                self._record(run, outcome)

    def _prepare(self, request: RestoreRequest) -> Plan:
        """Check everything that can be checked without loading a model."""
        task = task_named(request.task)
        check_choices(request)
        info, notes = self._offer.choose(task, request)
        return make_plan(request, task, info, notes=notes, time_limit_s=self._time_limit_s, uploads=self.uploads)

    def _record(self, run: RunLog, outcome: str) -> tuple[str, ...]:
        """Append the run to the record; return a note for the user where that fails."""
        try:
            self._records.add(run.row(outcome))
        except (sqlite3.Error, OSError) as error:
            log.warning("the performance record cannot be written: %s", error)
            return ("This run could not be added to the performance record.",)
        return ()

    def _unreadable(self, error: Exception) -> InvalidRequest:
        return InvalidRequest(f"The performance record {self._records.path} cannot be read ({error}); move it away.")

    def _engine(self) -> Engine:
        if self._given_engine is not None:
            return self._given_engine
        with self._engine_lock:
            if self._local_engine is None:
                from restoration.engine.local.engine import LocalEngine

                self._local_engine = LocalEngine.on(self._device)
            return self._local_engine

    def _warm_up(self) -> None:
        engine = self._engine()
        for task in Task:
            statuses = self.list_models(task)
            if not statuses or not statuses[0].is_available:
                continue
            info = statuses[0].info
            parameters = complete(info, {})
            if info.param("scale") is not None:
                parameters["scale"] = max(info.scales)
            try:
                engine.load(info, parameters)
            except RestorationError as error:
                log.warning("warm-up of %s: %s", info.id, error)
