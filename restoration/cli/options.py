"""What options of several commands have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import takewhile
from pathlib import Path
from typing import TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., object])


class Count(click.ParamType[int]):
    """A whole number of at least 1."""

    name = "count"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        text = str(value)
        if not (text.isdecimal() and int(text) >= 1):
            self.fail(f"{text} is not a whole number of at least 1", param, ctx)
        return int(text)


class OneOrMore(click.Option):
    """An option that takes every word up to the next option, as in `--data FOLDER FOLDER`; it may be repeated.

    click has only options with a fixed number of values. Declare it with `multiple=True`, in a `SpreadingCommand`.
    """


class SpreadingCommand(click.Command):
    """A command that may have options of the kind `OneOrMore`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse `--data A B` as `--data A --data B`."""
        names = {name for param in self.get_params(ctx) if isinstance(param, OneOrMore) for name in param.opts}
        spread: list[str] = []
        while args:
            word, *args = args
            if word not in names:
                spread.append(word)
                if word == "--":  # only arguments follow
                    break
                continue
            values = list(takewhile(_is_value, args))
            if not values:
                raise click.BadOptionUsage(word, f"Option '{word}' requires an argument.", ctx=ctx)
            spread += [part for value in values for part in (word, value)]
            args = args[len(values) :]
        return super().parse_args(ctx, [*spread, *args])


def data_option(help_text: str) -> Callable[[Function], Function]:
    """Return the option `--data FOLDER [FOLDER ...]` for a `SpreadingCommand`."""
    return click.option(
        "--data",
        cls=OneOrMore,
        multiple=True,
        required=True,
        type=click.Path(path_type=Path),
        metavar="FOLDER [FOLDER ...]",
        help=help_text,
    )


def _is_value(word: str) -> bool:
    return word == "-" or not word.startswith("-")


def require_one(values: Mapping[str, object]) -> None:
    """Refuse a call that gives none, or more than one, of these options (their values by name, None = not given).

    Raises:
        click.UsageError: that is so.
    """
    if sum(value is not None for value in values.values()) != 1:
        raise click.UsageError(f"Give either {' or '.join(values)}.", ctx=click.get_current_context())
