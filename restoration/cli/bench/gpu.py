"""`restoration bench gpu`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from restoration.cli.bench.results import json_option


@click.command("gpu")
@click.option("--device", default="cuda", help="cuda, cuda:1, mps, or cpu to try the check itself")
@click.option("--model", "models", multiple=True, help="only this model; repeatable")
@click.option("--budget", default=420.0, metavar="S", help="models that would begin after this time are left out")
@json_option
def command(*, device: str, models: tuple[str, ...], budget: float, target: Path | None) -> int:
    """Check every built-in network, little memory and two jobs at once on an accelerator."""
    from restoration.lab.bench.gpu_check import check_device
    from restoration.lab.bench.report import write_result

    result = check_device(device, budget_s=budget, models=models, progress=partial(print, file=sys.stderr))
    for row in result["parity"]:
        shown = f"{row['exact_db']:6.1f} dB exact {row['fast_db']:6.1f} dB fast {row['warm_s']:7.3f} s"
        print(f"{row['model']:24} {row['dtype']:9} {shown}")
    for fault in result["faults"]:
        print(f"fault: {fault}")
    if target is not None:
        write_result(result, target)
    return 1 if result["faults"] else 0
