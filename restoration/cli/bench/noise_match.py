"""`restoration bench noise-match`."""

from __future__ import annotations

from pathlib import Path

import click

from restoration.cli.bench.results import json_option


@click.command("noise-match")
@click.option("--set", "folder", type=click.Path(path_type=Path), required=True, help="pairs *_real.* and *_mean.*")
@click.option("--draws", default=8, help="cameras that are drawn for each pair")
@click.option("--seed", default=0)
@json_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="also draw them into this .svg file")
def command(*, folder: Path, draws: int, seed: int, target: Path | None, output: Path | None) -> None:
    """Compare simulated noise of cameras with real noise: spectra and correlations."""
    from restoration.lab.bench.noise_match import compare, draw, pairs_in, summary, to_text
    from restoration.lab.bench.report import write_result

    found = compare(pairs_in(folder), draws=draws, seed=seed)
    print(to_text(found))
    if target is not None:
        write_result(summary(found), target)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(draw(found), encoding="utf-8")
