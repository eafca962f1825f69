"""The engine of one process: a scheduler per device, and one on the host for methods that need no device."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import torch

from restoration.engine.local.job import Job, JobEvent
from restoration.engine.local.scheduler import Scheduler


class LocalEngine:
    """Run jobs on the devices of this machine. Any number of threads may call `run` at once."""

    def __init__(self, devices: Sequence[torch.device]) -> None:
        self._schedulers = {str(device): Scheduler(device) for device in devices}
        host = torch.device("cpu")
        self._host = self._schedulers.get("cpu") or Scheduler(host)

    def least_busy(self) -> torch.device:
        """Return the device with the fewest pixels waiting, for which the next job's model is to be loaded."""
        return min(self._schedulers.values(), key=lambda scheduler: scheduler.backlog_pixels).device

    def run(self, job: Job, *, device: torch.device) -> Generator[JobEvent, None, None]:
        """Run a job on the device that its model was loaded for, or on the host; see `Scheduler.run`."""
        scheduler = self._schedulers[str(device)] if job.restorer.contract.runs_on_device else self._host
        return scheduler.run(job)

    def close(self) -> None:
        """End all worker threads; runs in progress fail."""
        for scheduler in {*self._schedulers.values(), self._host}:
            scheduler.close()
