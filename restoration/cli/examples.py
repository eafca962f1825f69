"""`restoration examples`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("examples")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="folder to write to")
@click.option("--originals", is_flag=True, help="write the photographs as they are, for contact sheets")
def command(*, out: Path, originals: bool) -> None:
    """Make the example pictures of the page and print their names."""
    from restoration.lab.bench.examples import make_examples, originals_as_files

    out.mkdir(parents=True, exist_ok=True)
    for name, content in (originals_as_files() if originals else make_examples()).items():
        (out / name).write_bytes(content)
        print(out / name)
