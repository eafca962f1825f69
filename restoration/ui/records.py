"""The tab with the performance record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gradio as gr
import pandas as pd

from restoration.errors import RestorationError
from restoration.service.door import Service
from restoration.service.records import as_csv
from restoration.types import RunRecord
from restoration.ui import status, text
from restoration.ui.components import keep_file
from restoration.ui.failures import user_errors

_MAX_ROWS = 200
_MAX_EXPORTED_ROWS = 10_000
_LEAST_PIXELS = 10_000
"""Smaller pictures are left out of the plot: what a run costs anyway would look like seconds per megapixel."""
_Y = "seconds per megapixel"
_SAVE_FILE = """(file) => {
    const link = document.createElement("a");
    link.href = file.url;
    link.download = file.orig_name;
    link.click();
    return [];
}"""
_HEADERS = ["Started (UTC)", "Task", "Model", "Size", "Device", "Precision", "Waited", "Worked", "Memory", "Outcome"]


def build(service: Service) -> None:
    """Place the tab into the layout that is open."""
    with gr.Tab(text.TAB_RECORDS, id="records") as tab:
        gr.Markdown(text.INTRO_RECORDS, elem_classes="intro")
        summary = gr.HTML("", padding=False, elem_id="records-summary")
        plot = gr.ScatterPlot(
            x="started",
            y=_Y,
            color="model",
            label=text.RUNS_PLOT,
            height=340,
            x_title="Started (UTC, 12-hour clock)",
            y_title="s / megapixel",
            tooltip="all",
            visible=False,
            elem_id="records-plot",
        )
        table = gr.Dataframe(
            headers=_HEADERS,
            label=text.RUNS,
            interactive=False,
            wrap=False,
            max_height=420,
            buttons=[],
            elem_id="records-table",
        )
        with gr.Row(elem_classes="actions"):
            refresh = gr.Button(text.REFRESH, min_width=120)
            export = gr.Button(text.RUNS_CSV, min_width=160, interactive=False, elem_id="records-csv")
            file = gr.DownloadButton(visible=False)

    for event in (tab.select, refresh.click):
        event(
            lambda: show(service),
            outputs=[summary, plot, table, export],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )
    written = export.click(lambda: export_file(service), outputs=file, show_progress="hidden", api_visibility="private")
    written.success(None, inputs=file, js=_SAVE_FILE, show_progress="hidden", api_visibility="private")


def show(service: Service) -> tuple[Any, ...]:
    """Return what the tab shows of the newest runs: a note, the plot, the rows, and whether there is an export."""
    try:
        records = service.list_records(limit=_MAX_ROWS)
    except RestorationError as error:
        return status.failure(str(error)), gr.update(visible=False), [], gr.update(interactive=False)
    if not records:
        return status.note(text.NO_RUNS), gr.update(visible=False), [], gr.update(interactive=False)
    titles = {entry.info.id: entry.info.title for entry in service.list_models()}
    named = [replace(record, model=titles.get(record.model, record.model)) for record in records]
    return "", _plot(_points(named)), [_row(record) for record in named], gr.update(interactive=True)


def export_file(service: Service) -> str:
    """Write the newest runs as a CSV file, oldest first; return its path."""
    with user_errors():
        records = service.list_records(limit=_MAX_EXPORTED_ROWS)
    return keep_file(as_csv(reversed(records)).encode(), "restoration-records.csv")


def _plot(points: pd.DataFrame) -> dict[str, Any]:
    if points.empty:
        return gr.update(visible=False)
    return gr.update(value=points, visible=True, y_lim=[0, 1.05 * float(points[_Y].max())])


def _points(records: Sequence[RunRecord]) -> pd.DataFrame:
    done = [record for record in records if record.outcome == "done" and _pixels(record) >= _LEAST_PIXELS]
    return pd.DataFrame(
        {
            "started": pd.to_datetime([record.started_at for record in done]),
            _Y: [round(1e6 * record.run_s / _pixels(record), 4) for record in done],
            "model": [record.model for record in done],
        }
    )


def _pixels(record: RunRecord) -> int:
    return record.width * record.height


def _row(record: RunRecord) -> list[str]:
    memory = "" if record.peak_bytes is None else f"{record.peak_bytes / 1e9:.2f} GB"
    return [
        record.started_at[:19].replace("T", " "),
        record.task,
        record.model,
        f"{record.width} × {record.height}",
        record.device,
        record.dtype,
        status.duration(record.queue_s),
        status.duration(record.run_s),
        memory,
        record.outcome,
    ]
