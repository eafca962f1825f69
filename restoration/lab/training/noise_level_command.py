"""`python -m restoration train-noise-level`."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from restoration.lab.training.train_command import count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `train-noise-level`."""
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="FOLDER", help="clean photographs")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--samples", type=count, default=12_000, help="how many to make")
    parser.add_argument("--seed", type=int, default=0)


def run(arguments: argparse.Namespace) -> int:
    """Make samples, train, write the file, and print its sha256, its size and the held-out error."""
    from restoration.lab.training.export import write_weights
    from restoration.lab.training.noise_level import fit, make_samples

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    rows, targets = make_samples(arguments.data, count=arguments.samples, seed=arguments.seed)
    content, error = fit(rows, targets, seed=arguments.seed)
    print(f'sha256 = "{write_weights(arguments.output, content)}"\nsize_bytes = {len(content)}')
    print(f"# mean error of the logarithm on held-out samples: {error:.4f}")
    return 0
