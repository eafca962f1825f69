"""A job in progress: its tiles, canvas, events and statistics."""

from __future__ import annotations

import math
import queue
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from restoration.arrays import FloatArray
from restoration.devices.device import activation_budget_bytes, peak_bytes
from restoration.engine.local.job import Answer, Job, JobEvent
from restoration.engine.local.lease import Lease
from restoration.engine.local.padding import pad_to_rule
from restoration.engine.local.tiling import Canvas, Preview, Tile, TilePlan
from restoration.models.shared.contract import Contract, Restorer
from restoration.models.shared.global_pass import GlobalPassRestorer, TileContext, shrunk_to
from restoration.types import Progress, RunStats

_PREVIEW_EVERY_S = 0.5
_SMALLEST_TILE_PX = 64

Shape = tuple[int, int]
Margins = tuple[int, int, int, int]


@dataclass(frozen=True)
class Unit:
    """What one job contributes to a batch."""

    run: JobState
    tile: Tile


@dataclass
class Batch:
    """Tiles that are computed together.

    Args:
        windows: their padded inputs and masks.
        outputs: yields (fraction done, None) after every unit of work but the last, then (1.0, the outputs).
    """

    units: list[Unit]
    windows: list[tuple[FloatArray, FloatArray | None]] = field(default_factory=list)
    outputs: Iterator[tuple[float, Tensor | None]] | None = None


class JobState:
    """The state of one job. Only the scheduler's worker changes it, except for `cancel`."""

    def __init__(self, job: Job, *, device: torch.device, number: int, now_s: float) -> None:
        self.job = job
        self.number = number
        self.restorer = job.restorer
        self.dtype = job.dtype
        self.events: queue.SimpleQueue[JobEvent | BaseException] = queue.SimpleQueue()
        self.account_s = 0.0
        """Seconds of the device that this run has had, on the scale of the scheduler's virtual time."""
        self.work_s = 0.0
        self.is_ended = False
        self.is_alone = False
        """True once a batch with this run has failed: it must not take others with it."""
        self.is_blocked = False
        """True while the float32 twin of the model is being loaded."""
        self.batch: Batch | None = None
        """What its last tile is being computed in, between two units of work; None where no tile is half done."""
        self._device = device if job.restorer.contract.runs_on_device else torch.device("cpu")
        self._cancelled = threading.Event()
        height, width = job.pixels.shape[:2]
        tile_px, self._notes = tile_side(job, self._device)
        contract = job.restorer.contract
        self.plan = TilePlan.of(
            height=height,
            width=width,
            tile_px=tile_px,
            reach_px=contract.overlap_px,
            align_px=math.lcm(contract.tile_align_px, contract.size_multiple),
        )
        self._pending = deque(self.plan.tiles())
        self._largest_pixels: int | None = None
        self._is_whole = len(self._pending) == 1
        self._canvas: Canvas | None = None
        self._answer: FloatArray | None = None
        self._preview: Preview | None = None
        self._previewed_s = now_s
        self._submitted_s = now_s
        self.lease = Lease(now_s)
        self._started_s: float | None = None
        self._done_pixels = 0
        self._tiles_done = 0
        self._steps: Iterator[tuple[float, Tensor]] | None = None
        self._grid: Tensor | None = None

    # --- what the submitting thread may do

    def cancel(self) -> None:
        """Ask the worker to drop this run before its next unit."""
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()

    def is_ready(self, now_s: float) -> bool:
        """Tell whether a unit of work could be done now."""
        return bool(self._pending or self.batch) and not self.is_blocked and not self.lease.is_over(now_s)

    # --- tiles

    @property
    def remaining_pixels(self) -> int:
        """Input pixels that are not done yet."""
        return self.plan.height * self.plan.width - self._done_pixels

    @property
    def next_tile(self) -> Tile | None:
        return self._pending[0] if self._pending else None

    def take(self) -> Tile:
        """Remove and return the next tile."""
        return self._pending.popleft()

    def put_back(self, tile: Tile) -> None:
        """Return a tile that could not be done."""
        self._pending.appendleft(tile)

    def split(self, tile: Tile) -> bool:
        """Replace a tile that did not fit into memory by smaller ones; return False if it cannot be split."""
        contract = self.restorer.contract
        side = max(tile.rows.length, tile.columns.length)
        if contract.tiling == "internal" or side <= contract.size_minimum:
            return False
        smaller = self.plan.split(tile)
        self._steps = None
        self._pending.extendleft(reversed(smaller))
        self._is_whole = self._is_whole and not smaller
        if smaller:
            self._largest_pixels = padded_pixels(tile, self.plan, contract) - 1
        return bool(smaller)

    def split_too_large(self) -> None:
        """Split the next tile until it is smaller than any that ran out of memory."""
        while self._largest_pixels is not None and self._pending and not self.is_mid_tile:
            tile = self._pending[0]
            if padded_pixels(tile, self.plan, self.restorer.contract) <= self._largest_pixels:
                return
            limit = self._largest_pixels
            self._pending.popleft()
            if not self.split(tile):
                self._pending.appendleft(tile)
                return
            self._largest_pixels = limit

    def window(self, tile: Tile) -> tuple[FloatArray, FloatArray | None]:
        """Return the padded input of a tile, (H, W, 3), and its mask, (H, W, 1 or 3), where it takes one."""
        rows, columns = slice(tile.rows.start, tile.rows.stop), slice(tile.columns.start, tile.columns.stop)
        contract = self.restorer.contract
        pixels = self.job.pixels[rows, columns]
        margins = self._margins(tile)
        mask = None if self.job.mask is None else np.atleast_3d(self.job.mask[rows, columns]).astype(np.float32)
        multiple, minimum = contract.size_multiple, contract.size_minimum
        padded = pad_to_rule(pixels, margins=margins, multiple=multiple, minimum=minimum)
        if mask is not None:
            mask = pad_to_rule(mask, margins=margins, multiple=multiple, minimum=minimum)
        return padded, mask

    def context(self, tile: Tile) -> TileContext:
        """Return what a tile must know of the whole picture, which is surveyed with the first one."""
        if self._grid is None:
            assert isinstance(self.restorer, GlobalPassRestorer)
            pixels = torch.from_numpy(self.job.pixels).permute(2, 0, 1)[None]
            small = shrunk_to(pixels, side_px=self.restorer.contract.global_pass_px).to(self._device)
            self._grid = self.restorer.global_pass(small, parameters=self.job.parameters)
        top, _, left, _ = self._margins(tile)
        rows, columns = tile.rows.start - top, tile.columns.start - left
        return TileContext(self._grid, rows, columns, self.plan.height, self.plan.width)

    def _margins(self, tile: Tile) -> Margins:
        return margins_of(tile, self.plan, self.restorer.contract)

    # --- the work

    def begin(self, now_s: float) -> None:
        """Note when the first unit of work starts."""
        if self._started_s is None:
            self._started_s = now_s
            self.events.put(Progress(0.0, "Restoring"))
            if self.job.has_preview:
                self._preview = Preview(self.job.pixels)

    def charge(self, seconds: float) -> None:
        """Add device time to this job."""
        self.account_s += seconds
        self.work_s += seconds

    def step(self, tile: Tile, batch: Tensor, mask: Tensor | None) -> tuple[float, Tensor]:
        """Do one step of an iterative method on its current tile; return (fraction of the tile, current answer)."""
        if self._steps is None:
            kernel = None if self.job.kernel is None else torch.from_numpy(self.job.kernel)
            self._steps = self.restorer.steps(batch, parameters=self.job.parameters, mask=mask, kernel=kernel)
        with torch.no_grad():
            fraction, answer = next(self._steps)
        if fraction < 1 and self._is_whole and self.job.take is not None and self.job.take.is_set():
            self.job.take.clear()
            self._notes += (f"Taken after {100 * fraction:.0f} % of the work.",)
            fraction = 1.0
        if fraction >= 1:
            self._steps = None
        else:
            self.put_back(tile)
        return fraction, answer

    @property
    def is_mid_tile(self) -> bool:
        """True while an iterative method is at work on the next tile."""
        return self._steps is not None

    def show(self, answer: FloatArray, tile: Tile, *, fraction: float, now_s: float) -> None:
        """Report a step of an iterative method whose tile is not done yet."""
        cropped = self._crop(answer, tile)
        if self._preview is not None:
            self._preview.add(cropped, tile, scale=self.restorer.contract.scale)
        self.report_unit(tile, fraction=fraction, now_s=now_s)

    def report_unit(self, tile: Tile, *, fraction: float, now_s: float) -> None:
        """Report a unit of work after which a tile is done in part."""
        self._report(self._done_pixels + fraction * tile.inner_pixels, now_s)

    def accept(self, answer: FloatArray, tile: Tile, *, now_s: float) -> None:
        """Add a tile's checked output to the picture and report it."""
        cropped = self._crop(answer, tile)
        scale = self.restorer.contract.scale
        if self._is_whole:
            self._answer = np.clip(cropped, 0, 1)
        else:
            if self._canvas is None:
                self._canvas = Canvas(self.plan, scale=scale)
            self._canvas.add(cropped, tile)
        if self._preview is not None:
            self._preview.add(cropped, tile, scale=scale)
        self._done_pixels += tile.inner_pixels
        self._tiles_done += 1
        self._report(self._done_pixels, now_s)
        if not self._pending and self._done_pixels == self.plan.height * self.plan.width:
            self._finish()

    def _crop(self, answer: FloatArray, tile: Tile) -> FloatArray:
        scale = self.restorer.contract.scale
        top, _, left, _ = (scale * margin for margin in self._margins(tile))
        return answer[top : top + scale * tile.rows.length, left : left + scale * tile.columns.length]

    def _report(self, done_pixels: float, now_s: float) -> None:
        assert self._started_s is not None
        fraction = min(1.0, done_pixels / (self.plan.height * self.plan.width))
        elapsed_s = now_s - self._started_s
        eta_s = elapsed_s * (1 - fraction) / fraction if fraction else None
        preview = None
        if self._preview is not None and fraction < 1 and now_s - self._previewed_s >= _PREVIEW_EVERY_S:
            preview = self._preview.samples.copy()
            self._previewed_s = now_s
        self.events.put(Progress(fraction, "Restoring", eta_s, preview))

    def _finish(self) -> None:
        assert self._started_s is not None
        pixels = self._answer if self._canvas is None else self._canvas.pixels
        assert pixels is not None
        stats = RunStats(
            device=str(self._device),
            dtype=str(self.dtype).removeprefix("torch."),
            queue_s=self._started_s - self._submitted_s,
            run_s=self.work_s,
            tiles=self._tiles_done,
            peak_bytes=peak_bytes(self._device),
        )
        self.events.put(Answer(pixels, stats, self._notes))
        self.release()

    def fail(self, error: BaseException) -> None:
        """End the run; the submitting thread raises the error."""
        self.events.put(error)
        self.release()

    def release(self) -> None:
        """Free all large arrays."""
        self.is_ended = True
        self._pending.clear()
        self._canvas = self._answer = self._preview = self._steps = self._grid = self.batch = None

    def use_exact(self, restorer: Restorer) -> None:
        """Continue in float32; an iterative method restarts its tile."""
        self._steps = None
        self.restorer = restorer
        self.dtype = torch.float32


def margins_of(tile: Tile, plan: TilePlan, contract: Contract) -> Margins:
    """Return how far a tile is padded beyond the picture's border: top, bottom, left, right."""
    px = contract.border_px
    rows, columns = tile.rows, tile.columns
    return (
        px * (rows.start == 0),
        px * (rows.stop == plan.height),
        px * (columns.start == 0),
        px * (columns.stop == plan.width),
    )


def padded_shape(tile: Tile, plan: TilePlan, contract: Contract) -> Shape:
    """Return the height and width that the model sees of a tile."""
    multiple, minimum = contract.size_multiple, contract.size_minimum
    above, below, left, right = margins_of(tile, plan, contract)
    height, width = (
        -(-max(side, minimum) // multiple) * multiple
        for side in (above + tile.rows.length + below, left + tile.columns.length + right)
    )
    return height, width


def padded_pixels(tile: Tile, plan: TilePlan, contract: Contract) -> int:
    """Return how many pixels the model sees of a tile."""
    height, width = padded_shape(tile, plan, contract)
    return height * width


def tile_side(job: Job, device: torch.device) -> tuple[int, tuple[str, ...]]:
    """Return the tile side for a job, and notes for the user.

    On a CPU it keeps the units of work short, within the memory budget; elsewhere it is as large as fits.
    """
    contract = job.restorer.contract
    height, width = job.pixels.shape[:2]
    longest = max(height, width)
    if contract.tiling == "internal":
        return longest, ()
    fitting_px = _fitting_side(job, device)
    if contract.tiling == "discouraged":
        if height * width <= fitting_px**2:
            return longest, ()
        note = "The picture was too large to process as a whole; it was split into tiles that may differ slightly."
        return fitting_px, (note,)
    if job.tile_px is not None:
        return job.tile_px, ()
    if device.type == "cpu" and contract.cpu_tile_px:
        if height * width <= min(contract.cpu_whole_px, fitting_px) ** 2:
            return longest, ()
        return min(contract.cpu_tile_px, fitting_px), ()
    return (longest if height * width <= fitting_px**2 else fitting_px), ()


def _fitting_side(job: Job, device: torch.device) -> int:
    """Return the side of the largest square whose activations fit the device's budget."""
    contract = job.restorer.contract
    if contract.activation_bytes_per_pixel <= 0:
        return max(job.pixels.shape[:2])
    width_bytes = torch.finfo(job.dtype).bits / 32
    pixels = activation_budget_bytes(device) / (contract.activation_bytes_per_pixel * width_bytes)
    return max(_SMALLEST_TILE_PX, int(pixels**0.5) // 64 * 64)
