"""`restoration records`."""

from __future__ import annotations

import click

from restoration.service.door import Service


@click.command("records")
def command() -> None:
    """Print the performance record as CSV."""
    print(Service().records_csv(), end="")
