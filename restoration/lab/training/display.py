"""Terminal output of training: a line per validation, and a progress bar with the remaining time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_UNITS = {
    "lr": "learning rate",
    "val_psnr_db": "validation dB",
    "patches_per_s": "patches/s",
    "silent_share": "silent channels",
}


def line_of(row: Mapping[str, float]) -> str:
    """Return a row of the log as a line to read."""
    return ", ".join(f"{_UNITS.get(name, name)} {value:g}" for name, value in row.items())


def log_to(console: Console) -> None:
    """Send the log to a console: above its bar on a terminal, else line by line as it is."""
    handler: logging.Handler = logging.StreamHandler(console.file)
    if console.is_terminal:
        handler = RichHandler(console=console, show_time=False, show_level=False, show_path=False)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])


@contextmanager
def bar(console: Console, name: str, *, done: int, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar while the block runs, on a terminal only; yield what is told the number of steps done.

    Args:
        name: of the run.
        done, total: steps at the start and at the end.
    """
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, speed_estimate_period=600) as progress:
        task = progress.add_task(name, completed=done, total=total)
        yield lambda steps: progress.update(task, completed=steps)
