"""The engine of one process: one worker thread per device; running jobs take turns, one unit of work at a time."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from restoration.engine.device import activation_budget_bytes, peak_bytes, reset_peak
from restoration.engine.guard import check_finite, is_out_of_memory
from restoration.engine.padding import pad_to_rule
from restoration.engine.tiling import Canvas, plan_spans
from restoration.errors import OutOfMemory, RestorationError
from restoration.models.base import Contract, Restorer
from restoration.types import Parameters, Progress, Queued, RunStats

FloatArray = npt.NDArray[np.float32]

_LARGEST_BLENDED_OVERLAP_PX = 32
_SMALLEST_TILE_PX = 64


@dataclass(frozen=True)
class Job:
    """One picture and the loaded model that is to restore it.

    Args:
        pixels: (H, W, 3) float32, range [0, 1].
        mask: (H, W) bool, True = fill, for models that need one.
        dtype: the precision the restorer was loaded in, for the record.
        tile_px: side of a tile in input pixels; None takes the whole picture where it fits the device's budget.
    """

    restorer: Restorer
    pixels: FloatArray
    parameters: Parameters
    dtype: torch.dtype = torch.float32
    mask: npt.NDArray[np.bool_] | None = None
    tile_px: int | None = None


@dataclass(frozen=True)
class Answer:
    """The last event of a job: restored pixels, (scale*H, scale*W, 3) float32 clipped to [0, 1]."""

    pixels: FloatArray
    stats: RunStats


JobEvent = Queued | Progress | Answer


@dataclass
class _Ticket:
    """A submitted job, its events and its fate; shared by the submitting and the worker thread."""

    job: Job
    submitted_s: float = field(default_factory=time.perf_counter)
    events: queue.SimpleQueue[JobEvent | BaseException] = field(default_factory=queue.SimpleQueue)
    cancelled: threading.Event = field(default_factory=threading.Event)
    units: Iterator[Progress | Answer] | None = None


class LocalEngine:
    """Run jobs on one device. Any number of threads may call `run` at once."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._tickets: deque[_Ticket] = deque()
        self._changed = threading.Condition()
        self._worker: threading.Thread | None = None

    def run(self, job: Job) -> Generator[JobEvent, None, None]:
        """Submit a job and yield its events, the last one an `Answer`.

        Closing the iterator cancels the job: it stops before its next unit of work.

        Raises:
            OutOfMemory: not even the smallest tile fits.
            UnstableOutput: the model's answer holds NaN or infinity.
        """
        ticket = _Ticket(job)
        with self._changed:
            ahead = len(self._tickets)
            self._tickets.append(ticket)
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name=f"engine-{self.device}", daemon=True)
                self._worker.start()
            self._changed.notify()
        try:
            if ahead:
                yield Queued(ahead)
            while True:
                event = ticket.events.get()
                if isinstance(event, BaseException):
                    raise event
                yield event
                if isinstance(event, Answer):
                    return
        finally:
            ticket.cancelled.set()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._tickets:
                    self._changed.wait()
                ticket = self._tickets[0]
            is_running = not ticket.cancelled.is_set() and self._do_unit(ticket)
            with self._changed:
                self._tickets.popleft()
                if is_running:
                    self._tickets.append(ticket)
            del ticket

    def _do_unit(self, ticket: _Ticket) -> bool:
        """Do one unit of a job's work; return False when the job has ended."""
        if ticket.units is None:
            reset_peak(self.device)
            ticket.units = _units(ticket, self.device)
        try:
            event = next(ticket.units)
        except RestorationError as error:
            ticket.events.put(error)
            return False
        except Exception as error:  # the submitting thread raises it; the worker must live on for the other jobs
            ticket.events.put(_as_out_of_memory(error) if is_out_of_memory(error) else error)
            return False
        ticket.events.put(event)
        return not isinstance(event, Answer)


def _as_out_of_memory(error: Exception) -> OutOfMemory:
    message = (
        "The device has too little free memory for this picture and model; use a smaller picture or a lighter model."
    )
    translated = OutOfMemory(message)
    translated.__cause__ = error
    return translated


def _units(ticket: _Ticket, device: torch.device) -> Iterator[Progress | Answer]:
    """Do a job unit by unit: yield progress after each, then the answer."""
    job = ticket.job
    started_s = time.perf_counter()
    work_s, count = 0.0, 0
    tile_px = job.tile_px or _tile_px(job.restorer.contract, job, device)
    answer: FloatArray | None = None
    while answer is None:
        steps = _steps(job, device, tile_px)
        try:
            while True:
                unit_started_s = time.perf_counter()
                fraction, current = next(steps)
                work_s += time.perf_counter() - unit_started_s
                count += 1
                eta_s = work_s * (1 - fraction) / fraction if fraction else None
                yield Progress(fraction, "Restoring", eta_s)
                if current is not None:
                    answer = current
                    break
        except Exception as error:
            smaller = _smaller_tile(job, tile_px)
            if not is_out_of_memory(error) or smaller is None:
                raise
            tile_px = smaller
        _release(device)
    stats = RunStats(
        device=str(device) if job.restorer.contract.runs_on_device else "cpu",
        dtype=str(job.dtype).removeprefix("torch."),
        queue_s=started_s - ticket.submitted_s,
        run_s=work_s,
        tiles=count,
        peak_bytes=peak_bytes(device),
    )
    yield Answer(answer, stats)


def _steps(job: Job, device: torch.device, tile_px: int) -> Iterator[tuple[float, FloatArray | None]]:
    """Yield (fraction done, the whole answer or None) after every unit of work."""
    contract = job.restorer.contract
    planes = np.ascontiguousarray(job.pixels.transpose(2, 0, 1))
    mask = None if job.mask is None else job.mask[None].astype(np.float32)
    if contract.tiling != "supported" or max(planes.shape[1:]) <= tile_px:
        for fraction, answer in _run_steps(job, device, planes, mask):
            yield fraction, np.clip(answer, 0, 1).transpose(1, 2, 0) if fraction >= 1 else None
        return
    height, width = planes.shape[1:]
    overlap_px = contract.overlap_px
    blend_px = 0
    if overlap_px > _LARGEST_BLENDED_OVERLAP_PX:
        overlap_px = _LARGEST_BLENDED_OVERLAP_PX
        blend_px = overlap_px // 2
        tile_px = max(tile_px, 4 * overlap_px)  # inner parts narrower than a passage would not add up to 1
    align_px = int(np.lcm(contract.tile_align_px, contract.size_multiple))
    rows, columns = (
        plan_spans(side, tile_px=tile_px, overlap_px=overlap_px, align_px=align_px) for side in (height, width)
    )
    canvas = Canvas(height=height, width=width, scale=contract.scale, blend_px=blend_px)
    tiles = [(row, column) for row in rows for column in columns]
    for number, (row, column) in enumerate(tiles, start=1):
        window = np.s_[:, row.start : row.stop, column.start : column.stop]
        tile_mask = None if mask is None else mask[window]
        answer = deque(_run_steps(job, device, planes[window], tile_mask), maxlen=1).pop()[1]
        canvas.add(answer, rows=row, columns=column)
        if number < len(tiles):
            yield number / len(tiles), None
    yield 1.0, np.clip(canvas.pixels, 0, 1, out=canvas.pixels).transpose(1, 2, 0)


def _run_steps(
    job: Job, device: torch.device, planes: FloatArray, mask: FloatArray | None
) -> Iterator[tuple[float, FloatArray]]:
    """Run the model on one padded tile (3, H, W) and yield its cropped answers, (3, scale*H, scale*W)."""
    contract = job.restorer.contract
    height, width = planes.shape[1:]
    place = device if contract.runs_on_device else torch.device("cpu")
    batch, holes = (
        None
        if array is None
        else torch.from_numpy(
            np.ascontiguousarray(pad_to_rule(array, multiple=contract.size_multiple, minimum=contract.size_minimum))
        )[None].to(place)
        for array in (planes, mask)
    )
    assert batch is not None
    with contextlib.closing(_inference(job, batch, holes)) as answers:
        for fraction, answer in answers:
            check_finite(answer)
            yield fraction, answer[0, :, : contract.scale * height, : contract.scale * width].cpu().numpy()


def _inference(
    job: Job, batch: torch.Tensor, mask: torch.Tensor | None
) -> Generator[tuple[float, torch.Tensor], None, None]:
    """Step the restorer without recording gradients; inference mode must not span a yield, others run in between."""
    steps = job.restorer.steps(batch, parameters=job.parameters, mask=mask)
    while True:
        with torch.no_grad():
            step = next(steps, None)
        if step is None:
            return
        yield step


def _tile_px(contract: Contract, job: Job, device: torch.device) -> int:
    """Return the largest tile whose activations fit the device's budget, at least the smallest useful tile."""
    if contract.activation_bytes_per_pixel <= 0:
        return max(job.pixels.shape[:2])
    width_bytes = torch.finfo(job.dtype).bits / 32
    pixels = activation_budget_bytes(device) / (contract.activation_bytes_per_pixel * width_bytes)
    if job.pixels.shape[0] * job.pixels.shape[1] <= pixels:
        return max(job.pixels.shape[:2])
    return max(_SMALLEST_TILE_PX, int(pixels**0.5) // 64 * 64)


def _smaller_tile(job: Job, tile_px: int) -> int | None:
    """Return half the tile, or None where the model cannot be tiled or the tile is already as small as it may be."""
    if job.restorer.contract.tiling != "supported":
        return None
    half = min(tile_px, max(job.pixels.shape[:2])) // 2
    return half if half >= max(_SMALLEST_TILE_PX, job.restorer.contract.size_minimum) else None


def _release(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
