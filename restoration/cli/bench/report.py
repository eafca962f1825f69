"""`restoration bench report`."""

from __future__ import annotations

import click

from restoration.folders import assets_folder


@click.command("report")
@click.option("--write", is_flag=True, help="write the README instead of printing it")
def command(*, write: bool) -> None:
    """Make the tables of the README from assets/benchmarks."""
    from restoration.lab.bench.report import refresh

    readme = assets_folder().parent / "README.md"
    text = refresh(readme.read_text(encoding="utf-8"), assets_folder() / "benchmarks")
    if write:
        readme.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
