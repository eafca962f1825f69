"""The engine of one process: a scheduler per device, and one on the host for methods that need no device."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import torch

from restoration.catalogue.parameters import in_model_units
from restoration.catalogue.registry import Registry
from restoration.devices.device import pick_devices, tune_process
from restoration.engine.base import Answer, JobEvent, JobRequest
from restoration.engine.local.job import Job
from restoration.engine.local.scheduler import Scheduler
from restoration.types import ModelInfo, Parameters


class LocalEngine:
    """Run jobs on the devices of this machine; an `Engine`."""

    def __init__(self, devices: Sequence[torch.device]) -> None:
        self._schedulers = {str(device): Scheduler(device) for device in devices}
        self._registries = {str(device): Registry(device) for device in devices}
        host = torch.device("cpu")
        self._host = self._schedulers.get("cpu") or Scheduler(host)

    @classmethod
    def on(cls, device: str | None) -> LocalEngine:
        """Return an engine on a device by its name; None takes the best present.

        Raises:
            InvalidRequest: there is no such device.
        """
        devices = pick_devices(device)
        tune_process()
        return cls(devices)

    def run(self, request: JobRequest) -> LocalRun:
        """Start a job on the least busy device, for which its model is loaded; see `Engine.run`."""
        take = threading.Event()
        return LocalRun(self._events(request, take), take)

    def load(self, info: ModelInfo, parameters: Parameters) -> None:
        """Load a model for the least busy device; see `Engine.load`."""
        self._registries[str(self.least_busy())].load(info, dict(parameters), precision="auto")

    def least_busy(self) -> torch.device:
        """Return the device with the fewest pixels waiting."""
        return min(self._schedulers.values(), key=lambda scheduler: scheduler.backlog_pixels).device

    def close(self) -> None:
        """End all worker threads; jobs in progress fail."""
        for scheduler in {*self._schedulers.values(), self._host}:
            scheduler.close()

    def _events(self, request: JobRequest, take: threading.Event) -> Generator[JobEvent, None, None]:
        deadline_s = None if request.seconds_left is None else time.perf_counter() + request.seconds_left
        info, parameters = request.info, dict(request.parameters)
        device = self.least_busy()
        registry = self._registries[str(device)]
        loaded = registry.load(info, parameters, precision=request.precision)
        job = Job(
            restorer=loaded.restorer,
            pixels=request.pixels,
            parameters=in_model_units(info, parameters),
            dtype=loaded.dtype,
            mask=request.mask,
            kernel=request.kernel,
            exact=lambda: registry.load(info, parameters, precision="exact").restorer,
            tile_px=request.tile_px,
            deadline_s=deadline_s,
            has_preview=request.has_preview,
            take=take,
        )
        runs_on_device = loaded.restorer.contract.runs_on_device
        scheduler = self._schedulers[str(device)] if runs_on_device else self._host
        with closing(scheduler.run(job)) as events:
            for event in events:
                yield replace(event, weights=loaded.weights) if isinstance(event, Answer) else event


class LocalRun:
    """A job on this machine; a `RunningJob`."""

    def __init__(self, events: Generator[JobEvent, None, None], take: threading.Event) -> None:
        self._events = events
        self._take = take

    def __iter__(self) -> Iterator[JobEvent]:
        return self

    def __next__(self) -> JobEvent:
        return next(self._events)

    def take(self) -> None:
        """End an iterative method with what it has after its next step."""
        self._take.set()

    def close(self) -> None:
        """Cancel the job."""
        self._events.close()
