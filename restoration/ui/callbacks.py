"""What happens when a picture arrives and when Restore is pressed."""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import Dependency
from PIL import Image

from restoration.errors import InvalidImage, RestorationError
from restoration.images import encode, lossless_format
from restoration.service.door import Service
from restoration.types import Done, Progress, RestoreRequest, RestoreResult
from restoration.ui import previews, status, text
from restoration.ui.components import SourceImage, keep_file
from restoration.ui.form import SUFFIXES, Form, ReadMask, chosen_format
from restoration.ui.panel import PicturePart, ResultPart, SettingsPart
from restoration.ui.result_cache import Answers

CONCURRENT_RUNS = 8
"""Runs that may be in progress at once; the engine shares the device between them fairly, tile by tile."""
RUN_GROUP = "restore"
_MOST_TICKETS = 1000


Shown = tuple[Any, Any, Any, Any, Any, Any]
"""Updates of `ResultPart.outputs`: slider, status, download, Restore, Cancel, Take this one."""

Follow = Callable[[Dependency], None]
"""Connects what comes after an event that has taken a picture in."""

_UNCHANGED: Shown = (gr.skip(),) * 6

log = logging.getLogger(__name__)


def wire_upload(picture: PicturePart) -> Dependency:
    """Keep the original file of every upload; show a preview where browsers cannot show the file."""
    event: Dependency = picture.image.input(
        take_picture,
        inputs=picture.image,
        outputs=[picture.source, picture.image, picture.caption],
        show_progress="minimal",
        show_progress_on=picture.image,
        queue=False,  # a queue full of others' runs refuses nobody's picture
        api_visibility="private",
    )
    return event


def take_picture(path: str | None) -> tuple[Any, Any, str]:
    """Return the new source, what to show, and the caption."""
    if path is None:
        return None, gr.skip(), ""
    try:
        source, shown, caption = take_file(path)
    except RestorationError as error:
        return None, None, status.failure(str(error))
    return source, gr.skip() if shown == path else shown, caption


def take_file(path: str) -> tuple[str, str, str]:
    """Return the new source, what to show, and the caption of a file that the page does not show yet.

    Raises:
        InvalidImage: it is no picture.
    """
    line = previews.caption_of(path)
    preview = previews.browser_preview(path)
    shown = path if preview is None else keep_file(preview, f"{previews.stem_of(path)}.png")
    return path, shown, status.caption(line)


@dataclass
class _Run:
    """One press of Restore; `path` is that of its picture, None until it begins."""

    path: str | None = None
    is_cancelled: bool = False
    is_left: bool = False


class _Runs:
    """Which runs have begun and which are cancelled, by their secret numbers; the oldest are forgotten.

    The end of a cancelled run that has begun comes through its own events, so that no late progress can overwrite it.
    One that still waits is over at once: when its turn comes, it shows nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, _Run] = OrderedDict()

    def begin(self, ticket: str, path: str | None) -> bool:
        """Note that a run of a picture has begun; tell whether it may go on."""
        with self._lock:
            run = self._noted(ticket)
            if run.is_cancelled:
                return False
            run.path = path
            return True

    def cancel(self, ticket: str) -> bool:
        """Cancel a run; tell whether it had begun."""
        with self._lock:
            had_begun = ticket in self._runs
            self._noted(ticket).is_cancelled = True
            return had_begun

    def leave(self, ticket: str, path: str | None) -> None:
        """Cancel a run that has begun if its picture is not the one that the page shows now."""
        with self._lock:
            run = self._runs.get(ticket)
            if run is not None and run.path != path:
                run.is_cancelled = run.is_left = True

    def is_cancelled(self, ticket: str) -> bool:
        """Tell whether a run that has begun is to stop."""
        with self._lock:
            return ticket in self._runs and self._runs[ticket].is_cancelled

    def is_left(self, ticket: str) -> bool:
        """Tell whether a run has stopped because the page shows another picture."""
        with self._lock:
            return ticket in self._runs and self._runs[ticket].is_left

    def _noted(self, ticket: str) -> _Run:
        run = self._runs.setdefault(ticket, _Run())
        while len(self._runs) > _MOST_TICKETS:
            self._runs.popitem(last=False)
        return run


class _Takes:
    """What tells a run that its user takes what there is, by the secret number of the run; the oldest are forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: OrderedDict[str, threading.Event] = OrderedDict()

    def __getitem__(self, ticket: str) -> threading.Event:
        with self._lock:
            event = self._events.setdefault(ticket, threading.Event())
            while len(self._events) > _MOST_TICKETS:
                self._events.popitem(last=False)
            return event


def wire_restore(
    service: Service,
    answers: Answers,
    *,
    source: gr.State,
    settings: SettingsPart,
    result: ResultPart,
    mask_inputs: Sequence[gr.components.Component] = (),
    read_mask: ReadMask | None = None,
    kernel: SourceImage | None = None,
) -> Follow:
    """Connect Restore, Cancel and Take this one.

    Args:
        mask_inputs: what `read_mask` needs, on the tab that has a mask.
        kernel: the upload of a blur kernel, on the tab that has one.

    Returns:
        What every event that takes a picture in has to be followed by: what is shown of another picture goes, its run
        ends, and the forecast is made anew. (The change event of a State is not sent after an event without queue, as
        an upload is one.)
    """
    count = len(mask_inputs)
    kernel_inputs = [] if kernel is None else [kernel]
    runs, takes = _Runs(), _Takes()

    def run(number: str, path: str | None, *values: Any) -> Generator[Shown, None, None]:
        if not runs.begin(number, path):
            yield _UNCHANGED  # the page may show another run by now
            return
        mask_values, rest = values[:count], values[count:]
        kernel_path, form_values = (None, rest) if kernel is None else (rest[0], rest[1:])
        try:
            yield from _steps(number, path, mask_values, kernel_path, form_values)
        except (RestorationError, gr.Error) as error:
            yield _failed(error.message if isinstance(error, gr.Error) else str(error))
        except Exception:
            log.exception("a restoration failed")
            yield _failed(text.UNEXPECTED)

    def stop(number: str) -> Shown:
        if not runs.cancel(number):
            return _idle(None, status.note(text.CANCELLED), _no_file())
        stopping = (gr.skip(), status.waiting(text.STOPPING), gr.skip(), gr.skip())
        return (*stopping, gr.update(interactive=False), gr.skip())

    def settle(number: str, file: str | None) -> tuple[Any, Any, Any, Any]:
        """Offer other tabs what has come out; what came after its picture had gone, goes too."""
        if runs.is_left(number):
            return None, status.empty(), _no_file(), gr.update(visible=False)
        return gr.skip(), gr.skip(), gr.skip(), gr.update(visible=file is not None)

    def take(number: str) -> tuple[str, Any]:
        takes[number].set()
        return status.waiting(text.TAKING), gr.update(interactive=False)

    def mix(number: str, path: str | None, *values: Any) -> tuple[Any, ...]:
        unchanged = (gr.skip(),) * 3
        kernel_path, form_values = (None, values) if kernel is None else (values[0], values[1:])
        with user_errors():
            form = Form.from_values(settings, form_values)
            if path is None or not number:
                return unchanged
            with service.room_for(answers.pixels_of(number)):
                result = answers.mix(number, form, sources=(path, kernel_path))
                if result is None:
                    gr.Info(text.RUN_AGAIN)
                    return unchanged
                finished = _finished(result, form, path)[:3]
        return unchanged if runs.is_left(number) else finished

    def _steps(
        number: str, path: str | None, mask_values: Sequence[Any], kernel_path: str | None, form_values: Sequence[Any]
    ) -> Generator[Shown, None, None]:
        yield _working(status.waiting(text.READING))
        checked = present(path)
        marked = None if read_mask is None else read_mask(checked, mask_values)
        form = Form.from_values(settings, form_values)
        request = form.request(checked, marked, kernel_path, takes[number])
        for event in _run(service, request, checked, is_cancelled=lambda: runs.is_cancelled(number)):
            if isinstance(event, Done):
                answers.keep(number, event.result, form, sources=(checked, kernel_path))
                finished = _finished(event.result, form, checked)  # writes files, which takes its time
                if not runs.is_cancelled(number):
                    yield finished
                    return
            else:
                yield event
        yield _idle(None, status.empty() if runs.is_left(number) else status.note(text.CANCELLED), _no_file())

    start = result.restore.click(
        lambda: (secrets.token_hex(16), None, *_working(status.waiting(text.WAITING))[1:]),
        outputs=[result.ticket, *result.outputs],
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    finish = start.then(
        run,
        inputs=[result.ticket, source, *mask_inputs, *kernel_inputs, *settings.inputs],
        outputs=result.outputs,
        show_progress="hidden",
        concurrency_limit=CONCURRENT_RUNS,
        concurrency_id=RUN_GROUP,
        trigger_mode="multiple",  # one that was cancelled while it waited is in the queue still
        api_visibility="private",
    )
    finish.failure(  # Gradio has refused the inputs, or the queue is full; what a run itself meets, it tells itself
        lambda: _failed(text.NOT_STARTED),
        outputs=result.outputs,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )

    def settled(event: Dependency) -> None:
        event.then(
            settle,
            inputs=[result.ticket, result.download],
            outputs=[result.slider, result.status, result.download, result.onward_row],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )

    settled(finish)

    def forecast(when: Callable[..., Any]) -> None:
        when(
            lambda path, model: _forecast(service, path, model),
            inputs=[source, settings.model],
            outputs=result.forecast,
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )

    def follow(event: Dependency) -> None:
        event.success(
            None,
            js=_cleared(),
            outputs=[result.slider, result.status, result.download, result.onward_row],
            show_progress="hidden",
            api_visibility="private",
        )
        event.success(
            runs.leave, inputs=[result.ticket, source], queue=False, show_progress="hidden", api_visibility="private"
        )
        forecast(event.success)

    forecast(settings.model.change)
    forecast(finish.then)  # a run tells how long the next one takes
    for control in settings.params.mixes:
        mixing = control.release(
            mix,
            inputs=[result.ticket, source, *kernel_inputs, *settings.inputs],
            outputs=[result.slider, result.status, result.download],
            show_progress="hidden",
            concurrency_limit=CONCURRENT_RUNS,
            api_visibility="private",
        )
        settled(mixing)
    result.cancel.click(
        stop,
        inputs=result.ticket,
        outputs=result.outputs,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    result.take.click(
        take,
        inputs=result.ticket,
        outputs=[result.status, result.take],
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    return follow


def present(path: str | None) -> str:
    """Return the path of the picture.

    Raises:
        InvalidImage: there is none, or its time is over.
    """
    if path is None:
        raise InvalidImage(text.NO_PICTURE)
    if not Path(path).is_file():
        raise InvalidImage(text.PICTURE_GONE)
    return path


def result_file(result: RestoreResult, *, stem: str, file_format: str) -> tuple[str, int]:
    """Write the result as a file for download; return its path and size in bytes.

    Args:
        file_format: "PNG", "TIFF", "WEBP", "JPEG", or "auto" for the lossless format nearest to the original's.
    """
    kind = chosen_format(file_format) or lossless_format(result.picture)
    content = encode(result.picture, kind, description=result.recipe)
    return keep_file(content, f"{stem}-restored.{SUFFIXES[kind]}"), len(content)


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn errors inside the block into sentences for the user; the unexpected ones go to the log."""
    try:
        yield
    except RestorationError as error:
        raise gr.Error(str(error), print_exception=False) from error
    except gr.Error:
        raise
    except Exception as error:
        log.exception("an event of the page failed")
        raise gr.Error(text.UNEXPECTED, print_exception=False) from error


def _run(
    service: Service, request: RestoreRequest, path: str, *, is_cancelled: Callable[[], bool]
) -> Generator[Shown | Done, None, None]:
    """Yield what to show while the work goes on; at the end, the result. A cancelled run writes no more files."""
    before: str | None = None
    can_take = any(
        entry.info.is_anytime for entry in service.list_models(request.task) if entry.info.id == request.model
    )
    with closing(service.restore(request)) as events:
        for event in events:
            if is_cancelled():
                return
            if isinstance(event, Done):
                yield event
            elif isinstance(event, Progress) and event.preview is not None:
                so_far = Image.fromarray(event.preview)
                if before is None:
                    before = keep_file(previews.small_original(path, size=so_far.size), "before.jpg")
                comparison = (before, keep_file(previews.jpeg(so_far), "so-far.jpg"))
                yield (comparison, *_working(status.progress(event), can_take=can_take)[1:])
            else:
                yield _working(status.progress(event))


def _forecast(service: Service, path: str | None, model: str | None) -> str:
    if path is None or model is None or not Path(path).is_file():
        return ""
    try:
        width, height = previews.original_size(path)
    except RestorationError:  # the caption says what is wrong with the file
        return ""
    info = next((entry.info for entry in service.list_models() if entry.info.id == model), None)
    if info is not None and width * height > 1e6 * info.max_megapixels:
        return status.caption(text.TOO_LARGE.format(limit=info.max_megapixels))
    return status.forecast(service.forecast(model, pixels=width * height))


def _finished(result: RestoreResult, form: Form, path: str) -> Shown:
    stem = previews.stem_of(path)
    file, size = result_file(result, stem=stem, file_format=form.file_format)
    before, after = previews.before_and_after(result)
    slider = (keep_file(before, f"{stem}-before.png"), keep_file(after, f"{stem}-after.png"))
    line = status.outcome(result, file_name=Path(file).name, file_bytes=size)
    return _idle(slider, line, gr.update(value=file, interactive=True, visible=True))


def _working(line: str, *, can_take: bool = False) -> Shown:
    """Args: can_take: there is something to take; the button, once there, stays for the run."""
    off, on = gr.update(interactive=False), gr.update(interactive=True)
    take = gr.update(visible=True, interactive=True) if can_take else gr.skip()
    return gr.skip(), line, _no_file(), off, on, take


def _idle(slider: Any, line: str, download: Any) -> Shown:
    hidden = gr.update(visible=False)
    return slider, line, download, gr.update(interactive=True), gr.update(interactive=False), hidden


def _failed(message: str) -> Shown:
    return _idle(None, status.failure(message), _no_file())


def _cleared() -> str:
    """Return what the browser itself clears a result with: an answer of the server could wipe a newer one."""
    hidden = {"__type__": "update", "value": None, "visible": False}
    shown = [None, status.empty(), hidden, {"__type__": "update", "visible": False}]
    return f"() => {json.dumps(shown)}"


def _no_file() -> dict[str, Any]:
    """Return the update of a download that is gone."""
    update: dict[str, Any] = gr.update(value=None, visible=False)
    return update
