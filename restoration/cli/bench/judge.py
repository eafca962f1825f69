"""`restoration bench judge`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("judge")
@click.argument("pairs", metavar="FOLDER", type=click.Path(path_type=Path))
@click.argument("verdicts")
def command(*, pairs: Path, verdicts: str) -> None:
    """Count what was said of the pictures of `pairs`.

    VERDICTS are, for each picture in order: L, R, or = where neither is better.
    """
    from restoration.lab.bench.pairs import count_verdicts

    for model, count in count_verdicts(pairs, verdicts).items():
        print(f"{f'{model} better' if model else 'neither better'}: {count}")
