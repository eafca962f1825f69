"""`restoration bench speed`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from restoration.cli.bench.results import hand_out, json_option, keep_others_option
from restoration.cli.options import Count


@click.command("speed")
@click.option("--only", help="a line, or how its name begins")
@click.option("--repeats", type=Count(), default=3)
@click.option("--device", help="cpu, cuda, cuda:1 or mps; default: the best present")
@json_option
@keep_others_option
def command(*, only: str | None, repeats: int, device: str | None, target: Path | None, keep_others: bool) -> None:
    """Measure time and memory of the engine, each beside a baseline."""
    from restoration.lab.bench.report import speed_to_json
    from restoration.lab.bench.speed import measure_speed

    lines = []
    for line in measure_speed(only=only, repeats=repeats, device=device):
        lines.append(line)
        print(
            f"{line.what}: {line.ours:.3g} {line.unit}, {line.baseline_name}: {line.baseline:.3g} {line.unit}, "
            f"ratio {line.ratio:.2f} ({line.goal})",
            file=sys.stderr,
        )
    hand_out(speed_to_json(lines, repeats=repeats), target, keep_others=keep_others)
