"""`restoration train-noise-level`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from restoration.cli.options import Count, SpreadingCommand, data_option


@click.command("train-noise-level", cls=SpreadingCommand)
@data_option("clean photographs")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="the .safetensors file to write")
@click.option("--samples", type=Count(), default=12_000, help="how many to make")
@click.option("--seed", type=int, default=0)
def command(*, data: tuple[Path, ...], output: Path, samples: int, seed: int) -> None:
    """Train the network that measures noise; print the file's sha256, its size and the held-out error."""
    from restoration.lab.training.export import write_weights
    from restoration.lab.training.noise_level import fit, make_samples

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    rows, targets = make_samples(data, count=samples, seed=seed)
    content, error = fit(rows, targets, seed=seed)
    print(f'sha256 = "{write_weights(output, content)}"\nsize_bytes = {len(content)}')
    print(f"# mean error of the logarithm on held-out samples: {error:.4f}")
