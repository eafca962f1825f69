"""`restoration export`."""

from __future__ import annotations

from pathlib import Path

import click

from restoration.cli.options import OneOrMore, SpreadingCommand


@click.command("export", cls=SpreadingCommand)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="the .safetensors file to write")
@click.option(
    "--recipe",
    type=click.Path(path_type=Path),
    help="recipe of a run whose checkpoint does not name its network yet; default: the shipped one of that name",
)
@click.option(
    "--only",
    cls=OneOrMore,
    multiple=True,
    metavar="NAME [NAME ...]",
    help="write only the weights whose names begin so",
)
@click.option("--start", type=click.Path(path_type=Path), help="weights file that the run started from, to be mixed in")
@click.option("--share", default=0.5, help="of the run in the mixture with --start, 0 to 1")
@click.option("--note", default="", help="a sentence stored in the file's header")
def command(
    *,
    runs: tuple[Path, ...],
    output: Path,
    recipe: Path | None,
    only: tuple[str, ...],
    start: Path | None,
    share: float,
    note: str,
) -> None:
    """Export the averaged weights of a training run with a card; print the file's sha256 and size.

    RUN is the folder of a run; those of several networks become one bank.
    """
    from restoration.lab.recipes import RECIPES, find_recipe
    from restoration.lab.training.card import write_card
    from restoration.lab.training.config import read_recipe
    from restoration.lab.training.export import export

    shipped = RECIPES / f"{runs[0].name}.toml"
    plan = None
    if recipe is not None:
        plan = read_recipe(find_recipe(recipe))
    elif shipped.exists():
        plan = read_recipe(shipped)
    digest = export(
        [run / "checkpoint.pt" for run in runs],
        output,
        metadata={"note": note},
        recipe=plan,
        only=list(only),
        start=start,
        share=share,
    )
    card = write_card(output, list(runs), note=note)
    print(f'sha256 = "{digest}"\nsize_bytes = {output.stat().st_size}\n# card: {card}')
