"""`python -m restoration export`."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `export`."""
    parser.add_argument(
        "run", type=Path, nargs="+", help="folder of a training run; those of several networks become one bank"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument(
        "--recipe",
        type=Path,
        help="recipe of a run whose checkpoint does not name its network yet; default: the shipped one of that name",
    )
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="write only the weights whose names begin so"
    )
    parser.add_argument("--start", type=Path, help="weights file that the run started from, to be mixed in")
    parser.add_argument("--share", type=float, default=0.5, help="of the run in the mixture with --start, 0 to 1")
    parser.add_argument("--note", default="", help="a sentence stored in the file's header")


def run(arguments: argparse.Namespace) -> int:
    """Export the averaged weights of a run, or of several as a bank, with a card; print the file's sha256 and size."""
    from restoration.training.card import write_card
    from restoration.training.config import read_recipe
    from restoration.training.export import export
    from restoration.training.train_command import RECIPES, find_recipe

    shipped = RECIPES / f"{arguments.run[0].name}.toml"
    recipe = None
    if arguments.recipe is not None:
        recipe = read_recipe(find_recipe(arguments.recipe))
    elif shipped.exists():
        recipe = read_recipe(shipped)
    digest = export(
        [run / "checkpoint.pt" for run in arguments.run],
        arguments.output,
        metadata={"note": arguments.note},
        recipe=recipe,
        only=arguments.only,
        start=arguments.start,
        share=arguments.share,
    )
    card = write_card(arguments.output, arguments.run, note=arguments.note)
    print(f'sha256 = "{digest}"\nsize_bytes = {arguments.output.stat().st_size}\n# card: {card}')
    return 0
