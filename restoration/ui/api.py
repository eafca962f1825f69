"""The endpoints for gradio_client: the same service, with the models' parameters as named arguments."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import anyio
import gradio as gr
from gradio.data_classes import FileData
from gradio.events import api as gradio_api
from gradio_client.utils import is_file_obj_with_meta

from restoration.errors import InvalidParameter, InvalidRequest, LeaseExpired
from restoration.service.door import Restoration, Service
from restoration.types import (
    Done,
    Event,
    ModelStatus,
    Param,
    ParamValue,
    Progress,
    Queued,
    RestoreRequest,
    RestoreResult,
    Task,
    as_mapping,
)
from restoration.ui import previews, runs, shown, status, text
from restoration.ui.failures import user_errors
from restoration.ui.form import chosen_format
from restoration.ui.presence import client_presence

_Written = TypeVar("_Written")

Endpoint = Callable[..., Awaitable[tuple[dict[str, Any], dict[str, Any]]]]
DENOISE_TASKS = (Task.DENOISE, Task.SALT_AND_PEPPER, Task.DEJPEG, Task.DEBLUR)
_TYPES: dict[str, Any] = {"float": float | None, "int": int | None, "bool": bool | None, "choice": Any}


def add_endpoints(service: Service) -> None:
    """Add /denoise, /super_resolution, /inpaint, /low_light and /models to the blocks that are open."""
    _add(service, "denoise", DENOISE_TASKS, "Remove noise, salt and pepper, JPEG blocks or blur.")
    _add(service, "super_resolution", (Task.SUPER_RESOLUTION,), "Enlarge a picture.")
    _add(service, "inpaint", (Task.INPAINT,), "Fill the parts of a picture that a mask marks white.")
    _add(service, "low_light", (Task.LOW_LIGHT,), "Brighten a picture taken in the dark.")

    def models(task: str | None = None) -> list[dict[str, Any]]:
        """List the models (of one task), the default first, with their parameters and whether they can run now."""
        with user_errors():
            chosen = None if task is None else _task(task, tuple(Task))
            return [describe(entry) for entry in service.list_models(chosen)]

    gradio_api(models, api_name="models", concurrency_limit=runs.CONCURRENT_RUNS)


def describe(entry: ModelStatus) -> dict[str, Any]:
    """Return what a client needs to know of a model."""
    info = entry.info
    params = [
        {
            "name": param.name,
            "kind": param.kind,
            "default": param.default,
            "minimum": param.minimum,
            "maximum": param.maximum,
            "choices": list(param.choices),
            "help": param.help,
        }
        for param in info.params
    ]
    return {
        "id": info.id,
        "title": info.title,
        "summary": info.summary,
        "tasks": [task.value for task in info.tasks],
        "is_available": entry.is_available,
        "reason": entry.reason,
        "licence": info.weights_licence or info.code_licence,
        "max_megapixels": info.max_megapixels,
        "parameters": params,
    }


def _add(service: Service, name: str, tasks: tuple[Task, ...], summary: str) -> None:
    dependency = gradio_api(
        _endpoint(service, tasks),
        api_name=name,
        api_description=f"{summary} Returns the result file and a description of the run.",
        concurrency_limit=runs.CONCURRENT_RUNS,
        concurrency_id=runs.RUN_GROUP,
    )
    page = gr.context.Context.root_block
    assert page is not None
    page.fns[dependency["id"]].tracks_progress = True  # gr.api would turn a gr.Progress argument into an API argument


def _endpoint(service: Service, tasks: tuple[Task, ...]) -> Endpoint:
    """Make an endpoint whose signature names every parameter of every model of the tasks."""
    params = _params(service, tasks)
    fields = _fields(tasks, params)

    async def endpoint(*values: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        given = dict(zip(fields, values, strict=True))
        with user_errors():
            parameters = {name: _scalar(name, given[name]) for name in params if given[name] is not None}
            request = RestoreRequest(
                image=_file(given["image"]),
                task=_task(given.get("task", tasks[0]), tasks),
                model=given["model"],
                parameters=as_mapping(parameters),
                mask=_file(given["mask"]) if "mask" in given else None,
                feather_px=0 if given.get("feather_px") is None else _whole("feather_px", given["feather_px"]),
                kernel=None if given.get("kernel") is None else _file(given["kernel"]),
                fit=_switch("fit", given["fit"]),
                precision=_precision(given["precision"]),
                keep_gps=_switch("keep_gps", given["keep_gps"]),
                file_format=chosen_format(given["format"]),
            )
            write = functools.partial(
                shown.result_file, stem=previews.stem_of(str(request.image)), file_format=given["format"]
            )
            result, (path, _) = await _wait(service.restore(request), write)
        return FileData(path=path, orig_name=Path(path).name).model_dump(), _facts(result)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    endpoint.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind, annotation=hint, default=default) for name, (hint, default) in fields.items()],
        return_annotation=tuple[FileData, dict],  # type: ignore[type-arg]  # Gradio knows only the bare name
    )
    endpoint.__annotations__ = {name: hint for name, (hint, _) in fields.items()}
    return endpoint


def _switch(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise InvalidParameter(f'"{name}" must be true or false, but is {value!r}.', name=name)


def _whole(name: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise InvalidParameter(f'"{name}" must be a whole number, but is {value!r}.', name=name)


def _precision(value: object) -> Literal["auto", "exact"]:
    if value == "auto" or value == "exact":
        return "auto" if value == "auto" else "exact"
    raise InvalidParameter(f'"precision" must be auto or exact, but is {value!r}.', name="precision")


def _params(service: Service, tasks: Sequence[Task]) -> dict[str, Param]:
    """Return the parameters of all models of the tasks, by name."""
    models = [entry.info for task in tasks for entry in service.list_models(task)]
    return {param.name: param for info in models for param in info.params}


def _fields(tasks: Sequence[Task], params: dict[str, Param]) -> dict[str, tuple[Any, Any]]:
    """Return (type, default) of every argument, in order; those without a default come first."""
    fields: dict[str, tuple[Any, Any]] = {"image": (FileData, inspect.Parameter.empty)}
    if Task.INPAINT in tasks:
        fields["mask"] = (FileData, inspect.Parameter.empty)
    if len(tasks) > 1:
        fields["task"] = (Literal[tuple(task.value for task in tasks)], tasks[0].value)
    fields["model"] = (str | None, None)
    fields |= {name: (_TYPES[param.kind], None) for name, param in params.items()}
    if Task.INPAINT in tasks:
        fields["feather_px"] = (int, 0)
    if Task.DEBLUR in tasks:
        fields["kernel"] = (FileData | None, None)
    fields["format"] = (Literal["auto", "PNG", "TIFF", "WEBP", "JPEG"], "auto")
    fields["fit"] = (bool, False)
    fields["precision"] = (Literal["auto", "exact"], "auto")
    fields["keep_gps"] = (bool, False)
    return fields


async def _wait(events: Restoration, write: Callable[[RestoreResult], _Written]) -> tuple[RestoreResult, _Written]:
    """Consume the events in worker threads; when the call is cancelled, close the iterator so that the work stops.

    It stops, too, when the client has gone.

    Args:
        write: what to do with the result before its memory is given to others.
    """
    progress = gr.Progress()
    steps = _Steps(events)
    is_there = client_presence()
    try:
        while True:
            if not is_there():
                raise LeaseExpired
            event = await anyio.to_thread.run_sync(steps.next)
            if isinstance(event, Done):
                return event.result, await anyio.to_thread.run_sync(write, event.result)
            if isinstance(event, Queued):
                progress(0.0, desc=status.queue_message(event))
            elif isinstance(event, Progress):
                progress(event.fraction, desc=event.message)
            else:
                raise AssertionError("the service ended without a result")
    finally:
        threading.Thread(target=steps.close, name="close-run", daemon=True).start()


class _Steps:
    """An iterator that one thread may close while another is inside it; closing then waits for the step to end."""

    def __init__(self, events: Restoration) -> None:
        self._events = events
        self._lock = threading.Lock()

    def next(self) -> Event | None:
        with self._lock:
            return next(self._events, None)

    def close(self) -> None:
        with self._lock:
            self._events.close()


def _facts(result: RestoreResult) -> dict[str, Any]:
    return {
        "task": result.task.value,
        "model": result.model.id,
        "parameters": dict(result.parameters),
        "input_size": [result.original.width, result.original.height],
        "output_size": [result.picture.width, result.picture.height],
        "consistency_db": None if result.consistency_db is None else round(result.consistency_db, 2),
        "kernel": None if result.kernel is None else result.kernel.round(6).tolist(),
        "device": result.stats.device,
        "precision": result.stats.dtype,
        "seconds": round(result.stats.run_s, 4),
        "queue_seconds": round(result.stats.queue_s, 4),
        "notes": list(result.notes),
    }


def _file(value: object) -> Path:
    """Return the path of an uploaded file; Gradio has checked that files of this form lie in its upload folder."""
    if not is_file_obj_with_meta(value):
        raise InvalidRequest(text.NOT_A_FILE)
    assert isinstance(value, dict)
    return Path(value["path"])


def _task(name: object, tasks: Sequence[Task]) -> Task:
    for task in tasks:
        if name == task.value:
            return task
    raise InvalidRequest(f'"task" must be one of {", ".join(tasks)}, but is {name}.')


def _scalar(name: str, value: object) -> ParamValue:
    if isinstance(value, (bool, int, float, str)):
        return value
    raise InvalidParameter(
        f'"{name}" must be a number, a text or true/false, but is {type(value).__name__}.', name=name
    )
