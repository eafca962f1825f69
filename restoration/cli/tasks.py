"""The option `--task`."""

from __future__ import annotations

from collections.abc import Callable

import click

from restoration.cli.options import Function
from restoration.types import Task


def task_option(help_text: str, *, required: bool = False) -> Callable[[Function], Function]:
    """Return the option, which gives the command a `Task`, or None without it."""
    return click.option(
        "--task",
        required=required,
        type=click.Choice([task.value for task in Task]),
        callback=lambda _ctx, _param, value: None if value is None else Task(value),
        help=help_text,
    )
