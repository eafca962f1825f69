"""`restoration train`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import click

from restoration.cli.options import Count, SpreadingCommand, data_option
from restoration.cli.program import INTERRUPTED

log = logging.getLogger(__name__)


@click.command("train", cls=SpreadingCommand)
@click.argument("recipe", type=click.Path(path_type=Path))
@data_option("folders of clean photographs")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="folder for the checkpoint and the log; default: runs/ and the recipe's name",
)
@click.option("--resume", is_flag=True, help="refuse to start over where there is no checkpoint")
@click.option("--every", type=Count(), default=500, help="steps between validations and checkpoints")
@click.option("--until-step", type=int, help="stop early at this step; a later call resumes from there")
@click.option("--device", default="cpu", help="cpu, cuda or mps")
@click.option("--threads", type=Count(), help="CPU threads to use")
@click.option("--tensorboard", is_flag=True, help="also log for TensorBoard, where it is installed")
def command(
    *,
    recipe: Path,
    data: tuple[Path, ...],
    out: Path | None,
    resume: bool,
    every: int,
    until_step: int | None,
    device: str,
    threads: int | None,
    tensorboard: bool,
) -> int:
    """Train a network from RECIPE, a recipe file or the name of one that ships.

    The run resumes from the checkpoint in --out where there is one. An interruption (Ctrl-C) saves after the current
    step; a second one ends at once.
    """
    from rich.console import Console

    from restoration.devices.device import pick_devices, tune_process
    from restoration.errors import InvalidRequest
    from restoration.lab.recipes import find_recipe
    from restoration.lab.training.config import read_recipe
    from restoration.lab.training.datasets import open_dataset
    from restoration.lab.training.display import bar, line_of, log_to
    from restoration.lab.training.driver import open_board, stopping, trainer_class
    from restoration.lab.training.photographs import keep_list

    console = Console(stderr=True)
    log_to(console)
    tune_process(threads=threads)
    plan = read_recipe(find_recipe(recipe))
    place = pick_devices(device)[0]
    folder = out or Path("runs", plan.name)
    dataset = open_dataset(plan, data)
    trainer = trainer_class(plan)(plan, dataset, folder, device=place)
    resumed = trainer.resume()
    if resume and not resumed:
        raise InvalidRequest(
            f"There is no checkpoint in {folder} to go on from; name its folder in --out, or leave "
            "--resume out to start anew."
        )
    keep_list(data, folder, goes_on=resumed)
    log.info("%d photographs, %s at step %d", dataset.count, "resumed" if resumed else "start", trainer.step)
    show = open_board(folder) if tensorboard else None

    def report(row: Mapping[str, float]) -> None:
        log.info("%s", line_of(row))
        if show is not None:
            show(row)

    last = plan.steps if until_step is None else min(until_step, plan.steps)
    try:
        with stopping(trainer), bar(console, plan.name, done=trainer.step, total=last) as moved:
            trainer.run(every=every, until_step=last, report=report, moved=moved)
    except KeyboardInterrupt:
        log.info("Interrupted at step %d. Run the same command again: %s.", trainer.step, trainer.comeback())
        return INTERRUPTED
    if trainer.is_stopping:
        log.info("Interrupted and saved at step %d; the same command goes on from there.", trainer.step)
        return INTERRUPTED
    return 0
