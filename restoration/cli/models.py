"""`restoration models`."""

from __future__ import annotations

import click

from restoration.cli.tasks import task_option
from restoration.service.door import Service
from restoration.types import Param, Task


@click.command("models")
@task_option("only the models of this task")
def command(*, task: Task | None) -> None:
    """List the models and whether they can run now, with their parameters."""
    service = Service()
    for each in Task if task is None else (task,):
        print(each.value)
        for status in service.list_models(each):
            state = "ready" if status.is_available else status.reason
            print(f"  {status.info.id:24} {status.info.title}: {status.info.summary} [{state}]")
            for param in status.info.params:
                flag = f"--{param.name.replace('_', '-')}"
                print(f"      {flag} ({_limits(param)}; default {param.default}) {param.help or param.label}")


def _limits(param: Param) -> str:
    if param.kind == "choice":
        return ", ".join(map(str, param.choices))
    return "true, false" if param.kind == "bool" else f"{param.minimum:g} to {param.maximum:g}"
