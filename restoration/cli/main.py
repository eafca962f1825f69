"""The command line: data to stdout, everything else to stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from restoration import __version__
from restoration.cli.lazy import LazyGroup
from restoration.cli.program import run

_COMMANDS = {
    "restore": ("restoration.cli.restore", "restore one picture"),
    "models": ("restoration.cli.models", "list the models and whether they can run now"),
    "serve": ("restoration.cli.serve", "start the web page"),
    "records": ("restoration.cli.records", "print the performance record as CSV"),
    "add": ("restoration.cli.add", "register a weights file of your own"),
    "doctor": ("restoration.cli.doctor", "what works on this machine and what does not"),
    "weights": ("restoration.cli.weights", "get, check and pin the weights of models"),
    "bench": ("restoration.cli.bench", "measure quality and speed"),
    "examples": ("restoration.cli.examples", "make the example pictures of the page"),
    "train": ("restoration.cli.train", "train a network from a recipe"),
    "cache-teacher": ("restoration.cli.cache_teacher", "store a teacher's outputs for a recipe"),
    "prune": ("restoration.cli.prune", "start a narrower network from its teacher's weights"),
    "train-noise-level": ("restoration.cli.train_noise_level", "train the network that measures noise"),
    "export": ("restoration.cli.export", "turn a training run into a weights file"),
}
_EARLIER_NAMES = {"teach": "cache-teacher", "narrow": "prune"}

command = LazyGroup(
    "restoration",
    help="Restore photographs.",
    modules=_COMMANDS,
    aliases=_EARLIER_NAMES,
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=lambda ctx, _param, value: _print_version(ctx) if value else None,
            help="Show the version and exit.",
        )
    ],
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 120},
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    is_script = Path(sys.argv[0]).stem == "restoration"
    return run(command, argv, prog_name="restoration" if is_script else "python -m restoration")


def _print_version(ctx: click.Context) -> None:
    print(f"restoration {__version__}")
    ctx.exit()
