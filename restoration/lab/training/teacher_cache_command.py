"""`python -m restoration teach`."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from restoration.lab.training.train_command import count, find_recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `teach`."""
    parser.add_argument("recipe", type=Path, help="a recipe file with a teacher, or the name of one that ships")
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, metavar="FOLDER", help="folders of clean photographs"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the answers, then the --data of `train`")
    parser.add_argument("--count", type=count, default=4000, help="how many damaged pictures to answer to")
    parser.add_argument("--patch-px", type=count, default=96, help="their side; the recipe's patches are cut from them")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    parser.add_argument("--threads", type=count, help="CPU threads to use")


def run(arguments: argparse.Namespace) -> int:
    """Let the recipe's teacher answer, going on where an earlier call stopped."""
    import dataclasses

    from rich.console import Console

    from restoration.devices.device import pick_devices, tune_process
    from restoration.errors import InvalidRequest
    from restoration.lab.training.config import read_recipe
    from restoration.lab.training.dataset import PatchDataset
    from restoration.lab.training.display import bar, log_to
    from restoration.lab.training.teacher import build_teacher
    from restoration.lab.training.teacher_cache import keep_answers

    console = Console(stderr=True)
    log_to(console)
    tune_process(threads=arguments.threads)
    recipe = read_recipe(find_recipe(arguments.recipe))
    teaching = recipe.teaching
    if teaching is None:
        raise InvalidRequest(f"Recipe {recipe.name} has no teacher; add the table [teaching], or train without.")
    device = pick_devices(arguments.device)[0]
    teacher = build_teacher(teaching, scale=recipe.scale, device=device)
    dataset = PatchDataset(dataclasses.replace(recipe, patch_px=arguments.patch_px, batch=1), arguments.data)
    try:
        with bar(console, f"answers of {teaching.model}", done=0, total=arguments.count) as moved:
            keep_answers(
                dataset, teacher, arguments.out, teaching=teaching, count=arguments.count, device=device, moved=moved
            )
    except KeyboardInterrupt:
        logging.getLogger(__name__).info("Interrupted; the same command goes on with the answers that are missing.")
        return 130
    return 0
