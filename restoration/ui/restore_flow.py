"""What happens from the press of Restore to the result, and when its strength is changed afterwards."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.events import Dependency
from PIL import Image

from restoration.errors import RestorationError
from restoration.service.door import Service
from restoration.types import Done, Progress, RestoreRequest, RestoreResult
from restoration.ui import previews, runs, shown, status, text
from restoration.ui.components import SourceImage, keep_file
from restoration.ui.failures import user_errors
from restoration.ui.form import Form, ReadMask
from restoration.ui.last_results import LastResults
from restoration.ui.panel import ResultPart, SettingsPart
from restoration.ui.result_cache import Answers
from restoration.ui.runs import Runs
from restoration.ui.shown import Shown
from restoration.ui.upload import present

Follow = Callable[[Dependency], None]
"""Connects what comes after an event that has taken a picture in."""

_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
_AT_ONCE: dict[str, Any] = {**_QUIET, "queue": False}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RestoreForm:
    """The components that a run reads.

    Args:
        mask_inputs: what `read_mask` needs, on the tab that has a mask.
        kernel: the upload of a blur kernel, on the tab that has one.
    """

    source: gr.State
    settings: SettingsPart
    mask_inputs: Sequence[gr.components.Component] = ()
    read_mask: ReadMask | None = None
    kernel: SourceImage | None = None

    @property
    def kernel_inputs(self) -> list[gr.components.Component]:
        return [] if self.kernel is None else [self.kernel]

    @property
    def run_inputs(self) -> list[Any]:
        """What a run is given after its number and its picture."""
        return [*self.mask_inputs, *self.kernel_inputs, *self.settings.inputs]

    @property
    def mix_inputs(self) -> list[Any]:
        """What a change of the strength is given after the number of the run and its picture."""
        return [*self.kernel_inputs, *self.settings.inputs]

    def kernel_and_form(self, values: Sequence[Any]) -> tuple[str | None, Form]:
        """Read the values of `mix_inputs`."""
        kernel_path, form_values = (None, values) if self.kernel is None else (values[0], values[1:])
        return kernel_path, Form.from_values(self.settings, form_values)

    def request(self, path: str, values: Sequence[Any]) -> tuple[RestoreRequest, Form, str | None]:
        """Read the values of `run_inputs`; return also the form and the kernel's file."""
        count = len(self.mask_inputs)
        marked = None if self.read_mask is None else self.read_mask(path, values[:count])
        kernel_path, form = self.kernel_and_form(values[count:])
        return form.request(path, marked, kernel_path), form, kernel_path


class RestoreFlow:
    """The events of one tab; each run is known by the secret number of its press."""

    def __init__(self, service: Service, answers: Answers, inputs: RestoreForm) -> None:
        self._service = service
        self._answers = answers
        self._inputs = inputs
        self._runs = Runs()
        self._last = LastResults()

    def press(self, previous: str) -> tuple[Any, ...]:
        """Return the number of a new run, and what is shown until it begins.

        Args:
            previous: number of the run before on this page.
        """
        number = secrets.token_hex(16)
        self._last.follow(number, after=previous)
        return number, *shown.working(status.waiting(text.WAITING))

    def run(self, number: str, path: str | None, *values: Any) -> Generator[Shown, None, None]:
        """Restore a picture and show what happens."""
        if not self._runs.begin(number, path):
            yield shown.UNCHANGED  # the page may show another run by now
            return
        try:
            yield from self._steps(number, path, values)
        except (RestorationError, gr.Error) as error:
            message = error.message if isinstance(error, gr.Error) else str(error)
            yield shown.failed(message, last=self._last.before(number, path))
        except Exception:
            log.exception("a restoration failed")
            yield shown.failed(text.UNEXPECTED, last=self._last.before(number, path))

    def stop(self, number: str, path: str | None) -> Shown:
        """Cancel a run."""
        if self._runs.cancel(number):
            return shown.stopping()
        return shown.cancelled(last=self._last.before(number, path))

    def settle(self, number: str, file: str | None) -> tuple[Any, Any, Any, Any]:
        """Offer other tabs what has come out; what came after its picture had gone, goes too."""
        if self._runs.is_left(number):
            return None, status.empty(), shown.no_file(), gr.update(visible=False)
        return gr.skip(), gr.skip(), gr.skip(), gr.update(visible=file is not None)

    def take(self, number: str) -> tuple[str, Any]:
        """End a run with what there is."""
        self._runs.take(number)
        return status.waiting(text.TAKING), gr.update(interactive=False)

    def leave(self, number: str, path: str | None) -> None:
        """End a run whose picture has gone from the page."""
        self._runs.leave(number, path)

    def mix(self, number: str, path: str | None, *values: Any) -> tuple[Any, ...]:
        """Show the result of a run with another strength, which needs no new run."""
        unchanged = (gr.skip(),) * 3
        with user_errors():
            kernel_path, form = self._inputs.kernel_and_form(values)
            if path is None or not number:
                return unchanged
            with self._service.room_for(self._answers.pixels_of(number)):
                result = self._answers.mix(number, form, sources=(path, kernel_path))
                if result is None:
                    gr.Info(text.RUN_AGAIN)
                    return unchanged
                finished = shown.finished(result, form, path)[:3]
        return unchanged if self._runs.is_left(number) else finished

    def forecast(self, path: str | None, model: str | None) -> str:
        """Return what a run will cost."""
        return shown.forecast(self._service, path, model)

    def _steps(self, number: str, path: str | None, values: Sequence[Any]) -> Generator[Shown, None, None]:
        yield shown.working(status.waiting(text.READING))
        checked = present(path)
        request, form, kernel_path = self._inputs.request(checked, values)
        for event in self._work(number, request, checked):
            if isinstance(event, RestoreResult):
                self._answers.keep(number, event, form, sources=(checked, kernel_path))
                finished = shown.finished(event, form, checked)  # writes files, which takes its time
                if not self._runs.is_cancelled(number):
                    self._last.finish(number, checked, finished)
                    yield finished
                    return
            else:
                yield event
        yield shown.cancelled(is_left=self._runs.is_left(number), last=self._last.before(number, checked))

    def _work(self, number: str, request: RestoreRequest, path: str) -> Generator[Shown | RestoreResult, None, None]:
        """Yield what to show while the work goes on; at the end, the result. A cancelled run writes no more files."""
        before: str | None = None
        can_take = any(
            entry.info.is_anytime for entry in self._service.list_models(request.task) if entry.info.id == request.model
        )
        with self._runs.working(number, self._service.restore(request)) as events:
            for event in events:
                if self._runs.is_cancelled(number):
                    return
                if isinstance(event, Done):
                    yield event.result
                elif isinstance(event, Progress) and event.preview is not None:
                    so_far = Image.fromarray(event.preview)
                    if before is None:
                        small = previews.small_original(self._service.uploads, path, size=so_far.size)
                        before = keep_file(small, "before.jpg")
                    comparison = (before, keep_file(previews.jpeg(so_far), "so-far.jpg"))
                    yield (comparison, *shown.working(status.progress(event), can_take=can_take)[1:])
                else:
                    yield shown.working(status.progress(event))


def wire_restore(service: Service, answers: Answers, inputs: RestoreForm, result: ResultPart) -> Follow:
    """Connect Restore, Cancel and Take this one.

    Returns:
        What every event that takes a picture in has to be followed by: what is shown of another picture goes, its run
        ends, and the forecast is made anew. (The change event of a State is not sent after an event without queue, as
        an upload is one.)
    """
    flow = RestoreFlow(service, answers, inputs)
    finish = _wire_run(flow, inputs, result)
    _wire_buttons(flow, inputs, result)
    _wire_strength(flow, inputs, result)
    _forecast(flow, inputs, result, when=inputs.settings.model.change)
    _forecast(flow, inputs, result, when=finish.then)  # a run tells how long the next one takes

    def follow(event: Dependency) -> None:
        event.success(
            None,
            js=shown.cleared(),
            outputs=[result.slider, result.status, result.download, result.onward_row],
            **_QUIET,
        )
        event.success(flow.leave, inputs=[result.ticket, inputs.source], **_AT_ONCE)
        _forecast(flow, inputs, result, when=event.success)

    return follow


def _wire_run(flow: RestoreFlow, inputs: RestoreForm, result: ResultPart) -> Dependency:
    """Connect Restore; return the event that ends a run."""
    start = result.restore.click(flow.press, inputs=result.ticket, outputs=[result.ticket, *result.outputs], **_AT_ONCE)
    finish: Dependency = start.then(
        flow.run,
        inputs=[result.ticket, inputs.source, *inputs.run_inputs],
        outputs=result.outputs,
        concurrency_limit=runs.CONCURRENT_RUNS,
        concurrency_id=runs.RUN_GROUP,
        trigger_mode="multiple",  # one that was cancelled while it waited is in the queue still
        **_QUIET,
    )
    finish.failure(  # Gradio has refused the inputs, or the queue is full; what a run itself meets, it tells itself
        lambda: shown.failed(text.NOT_STARTED), outputs=result.outputs, **_AT_ONCE
    )
    _settle(flow, result, finish)
    return finish


def _wire_buttons(flow: RestoreFlow, inputs: RestoreForm, result: ResultPart) -> None:
    result.cancel.click(flow.stop, inputs=[result.ticket, inputs.source], outputs=result.outputs, **_AT_ONCE)
    result.take.click(flow.take, inputs=result.ticket, outputs=[result.status, result.take], **_AT_ONCE)


def _wire_strength(flow: RestoreFlow, inputs: RestoreForm, result: ResultPart) -> None:
    for control in inputs.settings.params.mixes:
        mixing = control.release(
            flow.mix,
            inputs=[result.ticket, inputs.source, *inputs.mix_inputs],
            outputs=[result.slider, result.status, result.download],
            concurrency_limit=runs.CONCURRENT_RUNS,
            **_QUIET,
        )
        _settle(flow, result, mixing)


def _settle(flow: RestoreFlow, result: ResultPart, event: Dependency) -> None:
    """Have an event followed by what becomes of its result."""
    event.then(
        flow.settle,
        inputs=[result.ticket, result.download],
        outputs=[result.slider, result.status, result.download, result.onward_row],
        **_AT_ONCE,
    )


def _forecast(flow: RestoreFlow, inputs: RestoreForm, result: ResultPart, *, when: Callable[..., Any]) -> None:
    """Have an event followed by a new forecast."""
    when(flow.forecast, inputs=[inputs.source, inputs.settings.model], outputs=result.forecast, **_AT_ONCE)
