"""`restoration bench report`."""

from __future__ import annotations

import click

from restoration.folders import assets_folder


@click.command("report")
@click.option("--write", is_flag=True, help="write the documents; else only name those that are out of date")
@click.pass_context
def command(context: click.Context, /, *, write: bool) -> None:
    """Update the figures of README.md and docs/ from assets/benchmarks."""
    from restoration.lab.bench.report import stale_documents

    root = assets_folder().parent
    stale = stale_documents(root)
    for path, text in stale.items():
        if write:
            path.write_text(text, encoding="utf-8")
        print(path.relative_to(root))
    if stale and not write:
        context.exit(1)
