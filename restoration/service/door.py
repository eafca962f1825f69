"""The only door: the page, the API, the command line and Python code all restore pictures through here."""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from restoration.algorithms.harmonic_fill import fill_smoothly
from restoration.arrays import FloatArray, Mask
from restoration.catalogue import own_models
from restoration.catalogue.manifest import load_manifest
from restoration.catalogue.parameters import complete, fits, in_model_units, strength_of
from restoration.errors import (
    DeadlinePassed,
    InvalidRequest,
    ManifestError,
    RestorationError,
    UnknownModel,
    WeightsUnavailable,
)
from restoration.images import Picture, bleed_alpha, feather
from restoration.memory import memory_told
from restoration.service import undamaged
from restoration.service.deblurring import ESTIMATE, POINT, find_kernel
from restoration.service.dots import with_dots, without_dots
from restoration.service.enlarging import consistency_db, resampled
from restoration.service.forecast import Forecast, forecast
from restoration.service.memory_budget import MemoryBudget, usable_bytes
from restoration.service.plan import Plan, check_choices, make_plan, task_named
from restoration.service.records import Records, default_path
from restoration.types import (
    Done,
    Event,
    ImageSource,
    ModelInfo,
    ModelStatus,
    Parameters,
    ParamValue,
    Progress,
    Queued,
    RestoreRequest,
    RestoreResult,
    RunRecord,
    RunStats,
    Task,
    as_mapping,
)
from restoration.weights import store

if TYPE_CHECKING:
    from restoration.catalogue.registry import Registry
    from restoration.engine.local.engine import LocalEngine

log = logging.getLogger(__name__)
_T = TypeVar("_T")

NON_COMMERCIAL_VARIABLE = "RESTORATION_NON_COMMERCIAL"
_FORECAST_ROWS = 300
_LOOK_AGAIN_S = 0.5
_SHARE_FOR_PICTURES = 0.5
"""Of the memory: the rest is for models, tiles, and whatever else the machine does."""
_BYTES_PER_PIXEL = 45
"""Of a picture before or after: 4 megapixels x4 take 3.2 GB in all, 16 denoised ones 2.05 GB (`bench speed`)."""


@dataclass(frozen=True)
class _Parts:
    """What needs torch, made with the first job."""

    engine: LocalEngine
    registries: Mapping[str, Registry]

    def place(self) -> Registry:
        """Return the loader of models for the device that is least busy."""
        return self.registries[str(self.engine.least_busy())]


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
    """

    def __init__(
        self,
        *,
        models: Sequence[ModelInfo] | None = None,
        records_path: Path | None = None,
        device: str | None = None,
        time_limit_s: float | None = None,
        picture_bytes: int | None = None,
    ) -> None:
        known = (*load_manifest(), *_own_models()) if models is None else tuple(models)
        is_open = offers_non_commercial()
        self._models = tuple(info for info in known if is_open or not info.non_commercial)
        self._withheld = tuple(info.id for info in known if info.non_commercial and not is_open)
        self._records = Records(default_path() if records_path is None else records_path)
        self._device = device
        self._time_limit_s = time_limit_s
        self._estimates = threading.BoundedSemaphore(max(1, (os.cpu_count() or 1) // 2))
        self._room = MemoryBudget(int(_SHARE_FOR_PICTURES * usable_bytes()) if picture_bytes is None else picture_bytes)
        self._parts_lock = threading.Lock()
        self._parts_made: _Parts | None = None

    def list_models(self, task: Task | None = None) -> list[ModelStatus]:
        """Return the models of a task (None = all), its default first, and whether each can run now."""
        chosen = [info for info in self._models if task is None or task in info.tasks]
        return [_status(info, complete(info, {})) for info in chosen]

    def restore(self, request: RestoreRequest) -> Generator[Event, None, None]:
        """Restore one picture and yield what happens; the last event is `Done`.

        Closing the iterator cancels the work, which then stops within one tile.

        Raises:
            InvalidRequest: the picture, the mask, the model or a parameter is not fit for use.
            ModelUnavailable: the model's weights or a library are not to be had.
            OutOfMemory: the device's memory does not suffice even for the smallest tile.
            UnstableOutput: the network's answer is no picture, also in float32.
            DeadlinePassed: the service's time limit is over.
        """
        with memory_told():
            plan = self._prepare(request)
        run = RunLog(plan)
        outcome = "cancelled"
        try:
            with memory_told():
                for event in self._carry_out(plan, run):
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

    def forecast(self, model: str, *, pixels: int) -> Forecast | None:
        """Return what a run of a model on a picture of so many pixels will cost here; None where nothing tells."""
        info = next((info for info in self._models if info.id == model), None)
        if info is None or pixels < 1:
            return None
        models = {other.id: other for other in self._models}
        return forecast(info, pixels=pixels, records=self.list_records(limit=_FORECAST_ROWS), models=models)

    def list_records(self, *, limit: int = 1000) -> list[RunRecord]:
        """Return up to `limit` runs, newest first; none where the record cannot be read."""
        try:
            return self._records.newest(limit=limit)
        except (sqlite3.Error, OSError) as error:
            log.warning("the performance record cannot be read: %s", error)
            return []

    def records_csv(self) -> str:
        """Return all runs, oldest first, as CSV text with a header line.

        Raises:
            InvalidRequest: the record cannot be read.
        """
        try:
            return self._records.to_csv()
        except (sqlite3.Error, OSError) as error:
            message = f"The performance record {self._records.path} cannot be read ({error}); move it away."
            raise InvalidRequest(message) from error

    @contextmanager
    def room_for(self, pixels: int) -> Iterator[None]:
        """Wait until pictures of so many pixels, before and after together, fit into memory beside those of runs."""
        taking = self._room.take(_BYTES_PER_PIXEL * pixels)
        while True:
            try:
                next(taking)
            except StopIteration as end:
                taken_bytes: int = end.value
                break
        try:
            yield
        finally:
            self._room.give_back(taken_bytes)

    def warm_up(self) -> None:
        """Load torch and the default models in a background thread, so that the first user need not wait."""
        threading.Thread(target=self._warm_up, name="warm-up", daemon=True).start()

    def close(self) -> None:
        """End the worker threads; runs in progress fail. The next job would start them anew."""
        with self._parts_lock:
            parts, self._parts_made = self._parts_made, None
        if parts is not None:
            parts.engine.close()

    def _warm_up(self) -> None:
        registry = self._parts().place()
        for task in Task:
            statuses = self.list_models(task)
            if not statuses or not statuses[0].is_available:
                continue
            info = statuses[0].info
            parameters = complete(info, {})
            if info.param("scale") is not None:
                parameters["scale"] = max(info.scales)
            try:
                registry.load(info, parameters, precision="auto")
            except RestorationError as error:
                log.warning("warm-up of %s: %s", info.id, error)

    def _parts(self) -> _Parts:
        with self._parts_lock:
            if self._parts_made is None:
                from restoration.catalogue.registry import Registry
                from restoration.devices.device import pick_devices, tune_process
                from restoration.engine.local.engine import LocalEngine

                devices = pick_devices(self._device)
                tune_process()
                registries = {str(device): Registry(device) for device in devices}
                self._parts_made = _Parts(LocalEngine(devices), registries)
            return self._parts_made

    def _prepare(self, request: RestoreRequest) -> Plan:
        """Check everything that can be checked without loading a model."""
        task = task_named(request.task)
        check_choices(request)
        info, notes = self._choose(task, request)
        return make_plan(request, task, info, notes=notes, time_limit_s=self._time_limit_s)

    def _choose(self, task: Task, request: RestoreRequest) -> tuple[ModelInfo, tuple[str, ...]]:
        """Return the model asked for, or the first of the task that is available and takes the parameters."""
        if request.model:
            from restoration.catalogue.registry import find_model

            if request.model in self._withheld:
                message = (
                    f'Model "{request.model}" is for non-commercial use only; '
                    f"set {NON_COMMERCIAL_VARIABLE}=1 where that is yours, or choose another model."
                )
                raise UnknownModel(message, model=request.model)
            return find_model(self._models, request.model, task=task), ()
        models = [info for info in self._models if task in info.tasks]
        if not models:
            raise InvalidRequest(f'No model does the task "{task}"; choose another task.')
        able = [_status(info, complete(info, request.parameters)) for info in models if fits(info, request.parameters)]
        if not able:
            return models[0], ()  # its own check of the parameters says best what is wrong with them
        chosen = next((status for status in able if status.is_available), able[0])
        passed_over = able[: able.index(chosen)]
        notes = tuple(f"{status.info.title} was passed over: {status.reason}." for status in passed_over)
        if not fits(models[0], request.parameters):
            notes = (f"{chosen.info.title} was chosen, since {models[0].title} does not take these settings.", *notes)
        return chosen.info, notes

    def _carry_out(self, plan: Plan, run: RunLog) -> Generator[Event, None, None]:
        yield Progress(0.0, "Loading the model")
        parts = self._parts()
        registry = parts.place()
        if not plan.is_left:
            plan = with_dots(plan)
        if not plan.is_left:
            yield from _in_time(self._fetch_weights(plan), plan.deadline_s)
            plan = yield from self._with_kernel(plan, run)
        size_bytes = _BYTES_PER_PIXEL * (plan.picture.width * plan.picture.height + plan.largest_pixels)
        waiting = _while_waiting(self._room.take(size_bytes), "Other large pictures are finished first")
        taken_bytes = yield from _in_time(waiting, plan.deadline_s)
        try:  # until the result is written: whoever takes it closes the iterator then
            yield from self._compute(_Work(parts.engine, registry, plan, run))
        finally:
            self._room.give_back(taken_bytes)

    def _compute(self, work: _Work) -> Generator[Event, None, None]:
        plan, run = work.plan, work.run
        has_shape = plan.picture.alpha is not None and float(np.ptp(plan.picture.alpha)) > 0
        needs_alpha_run = has_shape and plan.enlargement is not None and not plan.info.is_anytime
        share = 0.5 if needs_alpha_run else 1.0
        before = bleed_alpha(plan.picture)
        colours = yield from work.restore(plan.part.cut(before), first=0.0, share=share, has_preview=plan.has_preview)
        colours = plan.part.put_back(colours, before, width=plan.width, height=plan.height)
        if plan.is_left and plan.enlargement is None:
            colours = plan.picture.pixels
        alpha = plan.picture.alpha
        if alpha is not None and needs_alpha_run:
            opacity = np.repeat(alpha[..., None], 3, axis=2)
            passes = plan.passes_without_damage
            restored = yield from work.restore(opacity, first=share, share=share, passes=passes)
            alpha = np.ascontiguousarray(restored.mean(axis=2))
        elif alpha is not None and has_shape:  # where the size changes, by a method that would take minutes once more
            alpha = resampled(alpha, width=colours.shape[1], height=colours.shape[0])
        elif alpha is not None:
            alpha = np.full(colours.shape[:2], alpha.flat[0], dtype=np.float32)
        answer = colours
        colours = with_share(plan.picture, answer, share=strength_of(plan.info, plan.parameters))
        if plan.mask is not None:
            colours = _joined(plan.picture.pixels, colours, plan.mask, plan.feather_px)
            alpha = _alpha_of_fill(alpha, plan.mask)
        assert run.stats is not None
        result = RestoreResult(
            picture=plan.picture.with_pixels(colours, alpha=alpha),
            answer=answer,
            original=plan.picture,
            task=plan.task,
            model=plan.info,
            parameters=as_mapping(plan.parameters),
            stats=run.stats,
            weights=run.weights,
            kernel=plan.kernel,
            consistency_db=None if plan.enlargement is None else consistency_of(colours, plan.picture),
            notes=(*plan.notes, *run.notes),
        )
        yield Done(result)

    def _with_kernel(self, plan: Plan, run: RunLog) -> Generator[Progress, None, Plan]:
        """Return the plan with the kernel of its blur, which is found once for the whole picture."""
        if plan.kernel is not None or plan.info.param("blur") is None:
            return plan
        if plan.parameters["blur"] == ESTIMATE and undamaged.is_sharp(plan.seen):
            return replace(plan, kernel=POINT, is_left=True, notes=(*plan.notes, undamaged.NO_BLUR))
        started_s = time.perf_counter()
        parameters = in_model_units(plan.info, plan.parameters)
        photo = plan.part.cut(plan.picture.pixels)
        kernel, notes = yield from _in_time(self._find_kernel(photo, parameters), plan.deadline_s)
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
                other = self._substitute(plan)
                if other is None:
                    raise
                message = f'{error} {other.title} (model "{other.id}") works now.'
                raise WeightsUnavailable(message, model=plan.info.id) from error

    def _substitute(self, plan: Plan) -> ModelInfo | None:
        """Return the first other model of the task that can run now."""
        statuses = self.list_models(plan.task)
        return next((each.info for each in statuses if each.is_available and each.info.id != plan.info.id), None)

    def _record(self, run: RunLog, outcome: str) -> tuple[str, ...]:
        """Append the run to the record; return a note for the user where that fails."""
        try:
            self._records.add(run.row(outcome))
        except (sqlite3.Error, OSError) as error:
            log.warning("the performance record cannot be written: %s", error)
            return ("This run could not be added to the performance record.",)
        return ()


class RunLog:
    """What is known so far of a run in progress."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.weights = ""
        self.stats: RunStats | None = None
        self.notes: tuple[str, ...] = ()

    def add(self, stats: RunStats) -> None:
        """Take in the cost of one job; a picture with shaped alpha needs two."""
        earlier = self.stats
        if earlier is None:
            self.stats = stats
            return
        peaks = [peak for peak in (earlier.peak_bytes, stats.peak_bytes) if peak is not None]
        self.stats = replace(
            stats,
            queue_s=earlier.queue_s + stats.queue_s,
            run_s=earlier.run_s + stats.run_s,
            tiles=earlier.tiles + stats.tiles,
            peak_bytes=max(peaks, default=None),
        )

    def row(self, outcome: str) -> RunRecord:
        """Return the row of the performance record."""
        stats = self.stats or RunStats(device="", dtype="", queue_s=0.0, run_s=0.0, tiles=0, peak_bytes=None)
        return RunRecord(
            started_at=self.started_at,
            task=self.plan.task.value,
            model=self.plan.info.id,
            weights=self.weights,
            width=self.plan.picture.width,
            height=self.plan.picture.height,
            device=stats.device,
            dtype=stats.dtype,
            queue_s=round(stats.queue_s, 4),
            run_s=round(stats.run_s, 4),
            peak_bytes=stats.peak_bytes,
            outcome=outcome,
        )


@dataclass(frozen=True)
class _Work:
    """A checked request together with the loaded model that is to carry it out."""

    engine: LocalEngine
    registry: Registry
    plan: Plan
    run: RunLog

    def restore(
        self,
        pixels: FloatArray,
        *,
        first: float,
        share: float,
        has_preview: bool = False,
        passes: list[dict[str, ParamValue]] | None = None,
    ) -> Generator[Queued | Progress, None, FloatArray]:
        """Yield the engine's events, fractions mapped to [first, first + share]; return the restored pixels.

        Several passes share the fraction by their pixels.

        Args:
            passes: their parameters; None takes those of the plan.
        """
        plan = self.plan
        if plan.is_left:
            self.run.add(RunStats(device="cpu", dtype="float32", queue_s=0.0, run_s=0.0, tiles=0, peak_bytes=None))
            return pixels
        passes = plan.passes if passes is None else passes
        costs = [1.0]
        for earlier in passes[:-1]:
            costs.append(costs[-1] * float(earlier["scale"]) ** 2)
        for parameters, cost in zip(passes, costs, strict=True):
            part = share * cost / sum(costs)
            pixels = yield from self._pass(pixels, parameters, first=first, share=part, has_preview=has_preview)
            first += part
        if plan.enlargement is None:
            return without_dots(pixels, plan)
        width, height = plan.part.size_in(width=plan.width, height=plan.height, of=plan.picture)
        return resampled(pixels, width=width, height=height)

    def _pass(
        self, pixels: FloatArray, parameters: dict[str, ParamValue], *, first: float, share: float, has_preview: bool
    ) -> Generator[Queued | Progress, None, FloatArray]:
        from restoration.engine.local.job import Job

        plan, registry = self.plan, self.registry
        loaded = registry.load(plan.info, parameters, precision=plan.precision)
        if loaded.weights not in self.run.weights.split("+"):
            self.run.weights = "+".join(filter(None, (self.run.weights, loaded.weights)))
        job = Job(
            restorer=loaded.restorer,
            pixels=pixels,
            parameters=in_model_units(plan.info, parameters),
            dtype=loaded.dtype,
            mask=plan.mask if plan.dots is None else plan.dots,
            kernel=plan.kernel,
            exact=lambda: registry.load(plan.info, parameters, precision="exact").restorer,
            tile_px=plan.tile_px,
            deadline_s=plan.deadline_s,
            has_preview=has_preview,
            take=plan.take,
        )
        pass_s: float | None = None
        with closing(self.engine.run(job, device=registry.device)) as events:
            for event in events:
                if isinstance(event, Queued):
                    yield event
                elif isinstance(event, Progress):
                    if event.eta_s is not None and event.fraction < 1:
                        pass_s = event.eta_s / (1 - event.fraction)
                    left_s = None if pass_s is None else pass_s * ((1 - first) / share - event.fraction)
                    yield replace(event, fraction=first + share * event.fraction, eta_s=left_s)
                else:
                    self.run.add(event.stats)
                    self.run.notes = tuple(dict.fromkeys((*self.run.notes, *event.notes)))
                    return event.pixels
        raise AssertionError("the engine ended without an answer")


def _in_time(steps: Generator[Progress, None, _T], deadline_s: float | None) -> Generator[Progress, None, _T]:
    """Pass steps on until they end or the deadline is over; return what they return.

    Raises:
        DeadlinePassed: they did not end before.
    """
    with closing(steps):
        while True:
            if deadline_s is not None and time.perf_counter() >= deadline_s:
                raise DeadlinePassed
            try:
                yield next(steps)
            except StopIteration as end:
                answer: _T = end.value
                return answer


def _while_waiting(steps: Generator[None, None, _T], words: str) -> Generator[Progress, None, _T]:
    """Return what steps return, with words for each of them."""
    with closing(steps):
        while True:
            try:
                next(steps)
            except StopIteration as end:
                answer: _T = end.value
                return answer
            yield Progress(0.0, words)


def consistency_of(pixels: FloatArray, original: Picture) -> float:
    """Return how well an enlarged picture, shrunk back, gives the original; see `consistency_db`."""
    return consistency_db(pixels, bleed_alpha(original))


def with_share(picture: Picture, answer: FloatArray, *, share: float) -> FloatArray:
    """Return the pixels of a result: `share` of a model's answer, the rest of the picture, enlarged plainly if need be.

    Args:
        answer: (H', W', 3), as large as the picture or larger.
        share: 0 to 1.
    """
    if share == 1:
        return answer
    before = picture.pixels
    if before.shape != answer.shape:  # what no alpha shows is not to bleed into what it does
        before = resampled(bleed_alpha(picture), width=answer.shape[1], height=answer.shape[0])
    return mixed(before, answer, share=share)


def mixed(before: FloatArray, after: FloatArray, *, share: float | FloatArray) -> FloatArray:
    """Return the picture that lies between two of one shape: 0 gives the first, 1 the second."""
    return before + np.asarray(share, dtype=np.float32) * (after - before)


def offers_non_commercial() -> bool:
    """Tell whether whoever runs this process has asked for models that may not be used commercially."""
    return os.environ.get(NON_COMMERCIAL_VARIABLE) == "1"


def _own_models() -> tuple[ModelInfo, ...]:
    try:
        return own_models.load()
    except ManifestError as error:  # an edited file must not keep the application from starting
        log.warning("the user's own models are left out: %s", error)
        return ()


def _status(info: ModelInfo, parameters: Parameters) -> ModelStatus:
    """Tell whether the libraries and, with these parameters, the files that a model needs are on this machine."""
    for library in info.libraries:
        if importlib.util.find_spec(library) is None:
            return ModelStatus(info, False, f"the library {library} is not installed here (pip install {library})")
    for file in info.files:
        is_available, reason = store.status(file) if file.is_needed(parameters) else (True, "")
        if not is_available:
            return ModelStatus(info, False, reason)
    return ModelStatus(info, True)


def _joined(before: FloatArray, fill: FloatArray, mask: Mask, feather_px: int) -> FloatArray:
    """Return the picture with the fill in its mask; every pixel outside stays bit for bit."""
    if feather_px:
        shares = feather(mask, px=feather_px)[..., None]
        fill = np.where(shares < 1, mixed(before, fill, share=shares), fill)
    return np.where(mask[..., None], fill, before)


def _alpha_of_fill(alpha: FloatArray | None, mask: Mask) -> FloatArray | None:
    """Return the alpha channel with the holes as visible as what surrounds them; without that a fill is not seen."""
    if alpha is None or mask.all():
        return alpha
    filled = fill_smoothly(np.repeat(alpha[..., None], 3, axis=2), mask)[..., 0]
    return np.where(mask, np.maximum(alpha, filled), alpha).astype(np.float32)


@functools.cache
def default_service() -> Service:
    """Return the service that this process shares."""
    return Service()


def restore(
    image: ImageSource,
    *,
    task: Task | str,
    model: str | None = None,
    mask: ImageSource | None = None,
    kernel: ImageSource | None = None,
    fit: bool = False,
    precision: Literal["auto", "exact"] = "auto",
    tile_px: int | None = None,
    keep_gps: bool = False,
    **parameters: ParamValue,
) -> RestoreResult:
    """Restore one picture and wait for the result.

    Args:
        image: PIL image, array (H, W[, C]) of uint8, uint16 or float in [0, 1], file path, or file bytes.
        task: "denoise", "salt-and-pepper", "dejpeg", "deblur", "super-resolution", "inpaint" or "low-light".
        model: a model id; None takes the task's first model that is available and takes the parameters.
        mask: for inpainting, as large as the image; white marks what is to be filled.
        kernel: for deblurring, a picture of the blur kernel.
        fit: shrink a picture above the model's limit instead of refusing it.
        precision: "auto" takes the fastest that is safe, "exact" computes in float32.
        tile_px: side of a tile of the input; None lets the engine choose.
        keep_gps: keep the GPS part of EXIF.
        parameters: the model's own, in the units that the page shows: `sigma` in 0-255, `scale`, ...

    Raises:
        InvalidRequest, ModelUnavailable, OutOfMemory, UnstableOutput: see `Service.restore`.

    Example:
        >>> import numpy as np
        >>> from restoration import restore
        >>> restore(np.zeros((8, 8, 3), np.uint8), task="super-resolution", model="lanczos", scale=2).image.size
        (16, 16)
    """
    request = RestoreRequest(
        image=image,
        task=task_named(task),
        model=model,
        parameters=as_mapping(parameters),
        mask=mask,
        kernel=kernel,
        fit=fit,
        precision=precision,
        tile_px=tile_px,
        keep_gps=keep_gps,
    )
    for event in default_service().restore(request):
        if isinstance(event, Done):
            return event.result
    raise AssertionError("the service ended without a result")
