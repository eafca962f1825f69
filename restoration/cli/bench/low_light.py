"""`restoration bench low-light`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from restoration.cli.bench.cases import model_option, set_option
from restoration.types import Task


@click.command("low-light")
@set_option("folder of pairs or of good pictures")
@model_option
@click.option("--exposure", type=float, help="mean brightness to ask for, in percent")
@click.option("--limit", type=int, help="only the first pictures")
def command(*, folder: Path, model: tuple[str, ...], exposure: float | None, limit: int | None) -> None:
    """Measure brightening: noise left, mean matched, what becomes of good pictures."""
    from restoration.lab.bench.cases import Damage, load_cases
    from restoration.lab.bench.low_light import methods, score, to_markdown
    from restoration.lab.bench.quality import BASELINES
    from restoration.service.door import Service

    is_paired = (folder / "low").is_dir()
    task = Task.LOW_LIGHT if is_paired else Task.DENOISE  # without damage, its cases are the pictures themselves
    parameters = {} if exposure is None else {"exposure": exposure}
    models = list(dict.fromkeys([BASELINES[Task.LOW_LIGHT], *model]))
    scores = score(
        load_cases(task, folder, Damage(), limit=limit),
        methods(Service(), models, parameters=parameters),
        progress=partial(print, file=sys.stderr),
    )
    print(to_markdown(scores))
