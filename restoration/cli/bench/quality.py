"""`restoration bench quality`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from restoration.cli.bench.cases import CaseCommand, CaseOptions, case_options
from restoration.cli.bench.results import hand_out, json_option, keep_others_option
from restoration.errors import ModelUnavailable
from restoration.types import Task

if TYPE_CHECKING:
    from restoration.lab.bench.lpips import Distance


@click.command("quality", cls=CaseCommand)
@case_options
@click.option("--precision", type=click.Choice(["auto", "exact"]), default="auto")
@click.option("--lpips", is_flag=True, help="also LPIPS, where its library and backbone can be had")
@json_option
@keep_others_option
@click.option("--save", type=click.Path(path_type=Path), metavar="FOLDER", help="keep the restored pictures there")
def command(
    *,
    options: CaseOptions,
    precision: Literal["auto", "exact"],
    lpips: bool,
    target: Path | None,
    keep_others: bool,
    save: Path | None,
) -> None:
    """Measure PSNR, SSIM, MSE, MAE and HaarPSI of models on a test set, and print a table."""
    from restoration.lab.bench.quality import ALIGNMENT_PX, measure
    from restoration.lab.bench.report import to_json
    from restoration.service.door import Service

    rows = measure(
        Service(),
        options.cases(),
        task=options.task,
        models=options.models(),
        parameters=options.told(),
        precision=precision,
        folder=save,
        is_blind=options.blind,
        lpips=_distance() if lpips else None,
        progress=partial(print, file=sys.stderr),
    )
    title = f"{options.folder.name}, {options.task.value}"
    if options.blind and options.task is Task.DEBLUR:
        title += f", kernel estimated, compared after the best shift of at most {ALIGNMENT_PX} px"
    settings = {
        "set": options.folder.name,
        **options.settings(),
        "precision": precision,
        **({"lpips": True} if lpips else {}),
    }
    result = to_json(rows, title=title, command="bench quality", settings=settings)
    hand_out(result, target, keep_others=keep_others)


def _distance() -> Distance | None:
    """Return LPIPS, or None and a line that says why there is none."""
    from restoration.lab.bench.lpips import open_lpips

    try:
        return open_lpips()
    except ModelUnavailable as error:
        print(error, file=sys.stderr)
        return None
