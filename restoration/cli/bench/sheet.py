"""`restoration bench sheet`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from restoration.cli.bench.cases import CaseCommand, CaseOptions, case_options


@click.command("sheet", cls=CaseCommand)
@case_options
@click.option("--as-they-are", is_flag=True, help="real pictures: nothing is done to them first")
@click.option("--crop", type=int, default=256, metavar="PX", help="side of the crops")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="the picture to write")
def command(*, options: CaseOptions, as_they_are: bool, crop: int, output: Path) -> None:
    """Make a contact sheet of crops at full size, to be looked at."""
    from restoration.lab.bench.sheet import contact_sheet
    from restoration.service.door import Service

    sheet = contact_sheet(
        Service(),
        options.cases_to_look_at(as_they_are=as_they_are),
        task=options.task,
        models=options.models(),
        parameters=options.told(),
        crop_px=crop,
        progress=partial(print, file=sys.stderr),
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(output, quality=92)
