"""Taking a result over to another tab, as the picture to go on with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from restoration.ui import runs, text
from restoration.ui.failures import user_errors
from restoration.ui.panel import ResultPart
from restoration.ui.restore_flow import Follow
from restoration.ui.upload import present


@dataclass(frozen=True)
class Arrival:
    """How a tab takes a picture that does not come by upload.

    Args:
        tab: its id.
        take: is given the path of the file; returns updates of `outputs`.
        follow: what every event that takes a picture in is followed by.
    """

    tab: str
    take: Callable[[str], tuple[Any, ...]]
    outputs: Sequence[gr.components.Component | gr.blocks.Block]
    follow: Follow


def wire(tabs: gr.Tabs, parts: Sequence[tuple[ResultPart, Arrival]]) -> None:
    """Connect the buttons below every result with the other tabs."""
    for result, home in parts:
        for _, arrival in parts:
            if arrival is home:
                continue
            event = result.onward[arrival.tab].click(
                partial(_take, arrival),
                inputs=result.download,
                outputs=[tabs, *arrival.outputs],
                show_progress="hidden",
                concurrency_limit=runs.CONCURRENT_RUNS,
                api_visibility="private",
            )
            arrival.follow(event)


def _take(arrival: Arrival, file: str | None) -> tuple[Any, ...]:
    with user_errors():
        if file is None:
            raise gr.Error(text.NO_RESULT, print_exception=False)
        return gr.update(selected=arrival.tab), *arrival.take(present(file))
