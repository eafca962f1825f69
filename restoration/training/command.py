"""`python -m restoration train` and `export`."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

RECIPES = Path(__file__).parent / "recipes"


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `train`."""
    parser.add_argument("recipe", type=Path, help="a recipe file, or the name of one that ships")
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="FOLDER", help="folders of clean photographs")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint and the log")
    parser.add_argument("--every", type=int, default=500, help="steps between validations and checkpoints")
    parser.add_argument("--until-step", type=int, help="stop early at this step; a later call goes on from there")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    parser.add_argument("--threads", type=int, help="CPU threads to use")


def train(arguments: argparse.Namespace) -> int:
    """Train, resuming from the checkpoint in `--out` where there is one."""
    import torch

    from restoration.training.config import read_recipe
    from restoration.training.dataset import PatchDataset
    from restoration.training.trainer import Trainer

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    shipped = RECIPES / f"{arguments.recipe}.toml"
    recipe = read_recipe(shipped if shipped.exists() else arguments.recipe)
    dataset = PatchDataset(recipe, arguments.data)
    trainer = Trainer(recipe, dataset, arguments.out, device=torch.device(arguments.device))
    resumed = trainer.resume()
    log = logging.getLogger(__name__)
    log.info("%d photographs, %s at step %d", len(dataset.photos), "resumed" if resumed else "start", trainer.step)
    trainer.run(every=arguments.every, until_step=arguments.until_step, report=lambda row: log.info("%s", row))
    return 0


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `export`."""
    parser.add_argument("run", type=Path, help="folder of a training run")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--note", default="", help="a sentence stored in the file's header")


def export_weights(arguments: argparse.Namespace) -> int:
    """Export the averaged weights of a run and print the file's sha256 and size."""
    from restoration.training.export import export

    digest = export(arguments.run / "checkpoint.pt", arguments.output, metadata={"note": arguments.note})
    print(f'sha256 = "{digest}"\nsize_bytes = {arguments.output.stat().st_size}')
    return 0
