"""`restoration bench pairs`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from restoration.cli.bench.cases import CaseCommand, CaseOptions, case_options
from restoration.errors import InvalidRequest

if TYPE_CHECKING:
    from restoration.lab.bench.sheet import Crop


@click.command("pairs", cls=CaseCommand)
@case_options
@click.option("--as-they-are", is_flag=True, help="real pictures: nothing is done to them first")
@click.option("--crop", type=int, default=256, metavar="PX", help="side of the crops")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FOLDER", help="where they are written"
)
def command(*, options: CaseOptions, as_they_are: bool, crop: int, output: Path) -> None:
    """Show two models side by side without their names, to be judged by eye.

    One --model is compared with the baseline of the task, two with each other.
    """
    from restoration.lab.bench.pairs import write_pairs
    from restoration.lab.bench.sheet import crops_of
    from restoration.service.door import Service

    models = options.models()[-2:]
    if len(models) < 2 or len(options.model) > 2:
        raise InvalidRequest("Two models are compared; name one, which is shown beside the baseline, or two.")
    service, told = Service(), options.told()

    def rows() -> Iterator[tuple[Crop, Crop]]:
        for case in options.cases_to_look_at(as_they_are=as_they_are):
            print(case.name, file=sys.stderr)
            crops = crops_of(service, case, task=options.task, models=models, parameters=told, crop_px=crop)
            yield crops[1], crops[2]

    count = write_pairs(rows(), output, seed=options.seed)
    print(f"{count} pairs of {' and '.join(models)} in {output}; judge them without a look at key.json")
