"""The options `--json` and `--keep-others`, and handing out a result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from restoration.cli.options import Function


def json_option(function: Function) -> Function:
    """Declare `--json`."""
    return click.option(
        "--json", "target", type=click.Path(path_type=Path), metavar="FILE", help="also write the result to this file"
    )(function)


def keep_others_option(function: Function) -> Function:
    """Declare `--keep-others`."""
    text = "what the file of --json has of others stays, with its date and commit"
    return click.option("--keep-others", is_flag=True, help=text)(function)


def hand_out(result: Mapping[str, Any], target: Path | None, *, keep_others: bool = False) -> None:
    """Print a result as a table, and write it where it was asked for."""
    from restoration.lab.bench.report import read_result, to_markdown, with_others, write_result

    print(to_markdown(result))
    if target is None:
        return
    if keep_others and target.exists():
        result = with_others(result, read_result(target))
    write_result(result, target)
