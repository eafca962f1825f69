"""`restoration add`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from restoration.catalogue import own_models
from restoration.cli.tasks import task_option
from restoration.types import Task


@click.command("add")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@task_option("what the model is for")
def command(*, files: tuple[Path, ...], task: Task | None) -> int:
    """Register weights files of your own; without FILES, all new files in the folder of own models."""
    refused: list[str] = []
    if files:
        added = [own_models.add(file, tasks=() if task is None else (task,)) for file in files]
    else:
        added, refused = own_models.scan()
    for info in added:
        print(f"{info.id}: {info.summary} For {', '.join(info.tasks)}.")
    for line in refused:
        print(f"error: {line}", file=sys.stderr)
    return 1 if refused else 0
