"""`restoration bench exposure`."""

from __future__ import annotations

from pathlib import Path

import click

from restoration.cli.bench.cases import set_option
from restoration.cli.bench.results import hand_out, json_option
from restoration.types import Task


@click.command("exposure")
@set_option("folder of clean pictures")
@click.option("--model", default="dark-photo")
@click.option("--seed", type=int, default=0)
@click.option("--limit", type=int, help="only the first pictures")
@json_option
def command(*, folder: Path, model: str, seed: int, limit: int | None, target: Path | None) -> None:
    """Measure what a brightener does to dark, mixed and bright pictures with noise."""
    from restoration.lab.bench.cases import pictures_in
    from restoration.lab.bench.exposure import measure_exposure, to_json
    from restoration.lab.bench.report import circumstances
    from restoration.service.python import restore

    rows = measure_exposure(
        lambda pixels: restore(pixels, task=Task.LOW_LIGHT, model=model).picture.pixels,
        pictures_in(folder)[:limit],
        seed=seed,
    )
    limits = {} if limit is None else {"limit": limit}
    result = {
        "title": f"{folder.name}, {model} under {len(rows)} conditions",
        "command": "bench exposure",
        "settings": {"set": folder.name, "model": model, "seed": seed, **limits},
        **circumstances(),
        "conditions": to_json(rows),
    }
    hand_out(result, target)
