"""`python -m restoration train`."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

RECIPES = Path(__file__).parent / "recipes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `train`."""
    parser.add_argument("recipe", type=Path, help="a recipe file, or the name of one that ships")
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, metavar="FOLDER", help="folders of clean photographs"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint and the log")
    parser.add_argument("--every", type=int, default=500, help="steps between validations and checkpoints")
    parser.add_argument("--until-step", type=int, help="stop early at this step; a later call goes on from there")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    parser.add_argument("--threads", type=int, help="CPU threads to use")


def find_recipe(name: Path | str) -> Path:
    """Return the file of a recipe that ships, or the path as it is."""
    shipped = RECIPES / f"{name}.toml"
    return shipped if shipped.exists() else Path(name)


def run(arguments: argparse.Namespace) -> int:
    """Train, resuming from the checkpoint in `--out` where there is one."""
    import torch

    from restoration.engine.device import tune_process
    from restoration.training.config import read_recipe
    from restoration.training.open import open_dataset
    from restoration.training.trainer import Trainer

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    tune_process(threads=arguments.threads)
    recipe = read_recipe(find_recipe(arguments.recipe))
    dataset = open_dataset(recipe, arguments.data)
    trainer = Trainer(recipe, dataset, arguments.out, device=torch.device(arguments.device))
    resumed = trainer.resume()
    log = logging.getLogger(__name__)
    log.info("%d photographs, %s at step %d", dataset.count, "resumed" if resumed else "start", trainer.step)
    trainer.run(every=arguments.every, until_step=arguments.until_step, report=lambda row: log.info("%s", row))
    return 0
