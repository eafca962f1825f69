"""`restoration cache-teacher`."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from restoration.cli.options import Count, SpreadingCommand, data_option
from restoration.cli.program import INTERRUPTED


@click.command("cache-teacher", cls=SpreadingCommand)
@click.argument("recipe", type=click.Path(path_type=Path))
@data_option("folders of clean photographs")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="folder for the cache, then the --data of `train`"
)
@click.option("--count", type=Count(), default=4000, help="how many damaged pictures the teacher restores")
@click.option("--patch-px", type=Count(), default=96, help="their side; the recipe's patches are cut from them")
@click.option("--device", default="cpu", help="cpu, cuda or mps")
@click.option("--threads", type=Count(), help="CPU threads to use")
def command(
    *,
    recipe: Path,
    data: tuple[Path, ...],
    out: Path,
    count: int,
    patch_px: int,
    device: str,
    threads: int | None,
) -> int:
    """Store the outputs of the teacher of RECIPE, a recipe file or the name of one that ships.

    The same command resumes where an earlier call stopped.
    """
    import dataclasses

    from rich.console import Console

    from restoration.devices.device import pick_devices, tune_process
    from restoration.errors import InvalidRequest
    from restoration.lab.recipes import find_recipe
    from restoration.lab.training.config import read_recipe
    from restoration.lab.training.dataset import PatchDataset
    from restoration.lab.training.display import bar, log_to
    from restoration.lab.training.teacher import build_teacher
    from restoration.lab.training.teacher_cache import keep_answers

    console = Console(stderr=True)
    log_to(console)
    tune_process(threads=threads)
    plan = read_recipe(find_recipe(recipe))
    teaching = plan.teaching
    if teaching is None:
        raise InvalidRequest(f"Recipe {plan.name} has no teacher; add the table [teaching], or train without.")
    place = pick_devices(device)[0]
    teacher = build_teacher(teaching, scale=plan.scale, device=place)
    dataset = PatchDataset(dataclasses.replace(plan, patch_px=patch_px, batch=1), data)
    try:
        with bar(console, f"outputs of {teaching.model}", done=0, total=count) as moved:
            keep_answers(dataset, teacher, out, teaching=teaching, count=count, device=place, moved=moved)
    except KeyboardInterrupt:
        logging.getLogger(__name__).info("Interrupted; the same command goes on with the answers that are missing.")
        return INTERRUPTED
    return 0
