"""Render progress, results and model summaries as HTML."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from restoration.diagnosis import Findings
from restoration.images import encode, kernel_picture
from restoration.service.enlarging import is_size_given
from restoration.service.forecast import Forecast
from restoration.types import (
    ModelInfo,
    ModelStatus,
    Param,
    Parameters,
    ParamValue,
    Progress,
    Queued,
    RestoreResult,
    Task,
)
from restoration.ui import text


def empty() -> str:
    """Return the placeholder shown before the first run."""
    return f'<p class="status quiet">{escape(text.EMPTY_STATUS)}</p>'


def forecast(expected: Forecast | None) -> str:
    """Return the estimated time and memory of the next run; empty if unknown."""
    if expected is None:
        return ""
    line = text.FORECAST.format(time=duration(expected.run_s))
    if expected.peak_bytes is not None:
        line += text.FORECAST_MEMORY.format(memory=f"{expected.peak_bytes / 1e9:.1f} GB")
    return caption(f"{line}.")


def findings(found: Findings) -> str:
    """Return the measured damage as one line."""
    level = round(found.noise_level)
    parts = [text.FOUND_NOISE.format(level=level if level else "below 1")]
    if found.jpeg_quality is not None:
        parts.append(text.FOUND_JPEG.format(quality=found.jpeg_quality))
    if found.main_task is Task.SALT_AND_PEPPER:
        parts.insert(0, text.FOUND_DOTS.format(percent=100 * found.dots.share))
    return caption(f"{text.FOUND}: {', '.join(parts)}.")


def note(message: str) -> str:
    """Return a neutral sentence."""
    return f'<p class="status quiet">{escape(message)}</p>'


def failure(message: str) -> str:
    """Return an error message."""
    return f'<p class="status failure" role="alert">{escape(message)}</p>'


def waiting(message: str) -> str:
    """Return an indeterminate progress bar."""
    return _bar(f"<progress aria-label='{escape(message)}'></progress>", message, "")


def progress(event: Queued | Progress) -> str:
    """Return a progress bar for an event of the service."""
    if isinstance(event, Queued):
        return waiting(queue_message(event))
    percent = round(100 * event.fraction)
    bar = f"<progress max='100' value='{percent}' aria-label='{escape(event.message)}'></progress>"
    return _bar(bar, event.message, _remaining(event.eta_s))


def _remaining(eta_s: float | None) -> str:
    if eta_s is None:
        return ""
    return "almost done" if eta_s < 1 else f"about {duration(eta_s)} left"


def queue_message(event: Queued) -> str:
    """Return how many jobs are ahead."""
    if event.ahead == 0:
        return "Next in line"
    return "1 picture is ahead" if event.ahead == 1 else f"{event.ahead} pictures are ahead"


def outcome(result: RestoreResult, *, file_name: str, file_bytes: int) -> str:
    """Return model, parameters, sizes, device, time and notes of a run."""
    stats = result.stats
    facts = [
        ("Model", result.model.title),
        ("Settings", _parameters(result.model, result.parameters)),
        ("Size", _sizes(result)),
        ("Consistency", _consistency(result)),
        ("Time", f"{duration(stats.run_s)} on {stats.device} ({stats.dtype})"),
        ("File", f"{file_name}, {_megabytes(file_bytes)}"),
    ]
    rows = "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in facts if value)
    return f'<dl class="status outcome">{rows}{_kernel(result)}</dl>{_notes(result.notes)}'


def _kernel(result: RestoreResult) -> str:
    """Return the blur kernel that was used, as a picture."""
    if result.kernel is None:
        return ""
    height, width = result.kernel.shape
    content = base64.b64encode(encode(kernel_picture(result.kernel), "PNG")).decode("ascii")
    label = text.KERNEL_USED.format(width=width, height=height)
    image = f'<img class="kernel" alt="{escape(label)}" src="data:image/png;base64,{content}">'
    return f"<div><dt>Blur</dt><dd>{image} {escape(label)}</dd></div>"


def model_summary(status: ModelStatus) -> str:
    """Return what a model does, its licence, and why it cannot run now, if so."""
    info = status.info
    licence = info.weights_licence or info.code_licence
    parts = [f"<span>{escape(info.summary)}</span>"]
    if licence:
        parts.append(f'<span class="licence">{escape(licence)}</span>')
    reason = "" if status.is_available else f'<p class="reason">{escape(status.reason)}</p>'
    return f'<div class="model-summary"><p>{" ".join(parts)}</p>{reason}</div>'


def caption(message: str) -> str:
    """Return a line to show below a picture."""
    return f'<p class="caption">{escape(message)}</p>'


def duration(seconds: float) -> str:
    """Return a duration as people write it: "0.4 s", "12 s", "3 min 20 s"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def _bar(bar: str, message: str, remaining: str) -> str:
    return (
        f'<div class="status working" role="status">{bar}'
        f"<p><span>{escape(message)}</span><span>{escape(remaining)}</span></p></div>"
    )


def _parameters(info: ModelInfo, parameters: Parameters) -> str:
    """Return the parameters that had an effect; advanced ones only if they differ from their default."""
    named = []
    for name, value in parameters.items():
        param = info.param(name)
        if name == "scale" and is_size_given(parameters):
            continue
        if param is not None and not param.is_enabled(parameters):
            continue
        if param is not None and param.is_advanced and value in _usual(param):
            continue
        label = param.label if param is not None and param.label else name
        shown = ("on" if value else "off") if isinstance(value, bool) else f"{value:g}" if _is_number(value) else value
        named.append(f"{label} {shown}")
    return ", ".join(named)


def _usual(param: Param) -> tuple[ParamValue, ...]:
    """Return the values that a parameter has if nobody set it: its default and its fallback."""
    return (param.default, param.auto_fallback) if param.auto_from else (param.default,)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _consistency(result: RestoreResult) -> str:
    """Return the PSNR between the original and the downscaled result; empty if nothing was enlarged."""
    return "" if result.consistency_db is None else text.CONSISTENCY.format(db=result.consistency_db)


def _sizes(result: RestoreResult) -> str:
    before, after = result.original, result.picture
    if (before.width, before.height) == (after.width, after.height):
        return f"{after.width} × {after.height} px"
    return f"{before.width} × {before.height} → {after.width} × {after.height} px"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} kB"


def _notes(notes: Sequence[str]) -> str:
    return "".join(f'<p class="status note">{escape(sentence)}</p>' for sentence in notes)
