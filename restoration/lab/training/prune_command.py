"""`python -m restoration narrow`."""

from __future__ import annotations

import argparse
from pathlib import Path

from restoration.lab.training.train_command import count, find_recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `narrow`."""
    parser.add_argument("recipe", type=Path, help="a recipe file with a teacher, or the name of one that ships")
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="FOLDER", help="what `teach` kept")
    result = parser.add_mutually_exclusive_group(required=True)
    result.add_argument("-o", "--output", type=Path, help="the .safetensors file to write")
    result.add_argument(
        "--budget",
        type=float,
        metavar="SHARE",
        help="print how wide the layers are to be for this share of the teacher's multiply-adds, for the recipe",
    )
    parser.add_argument("--pictures", type=count, default=48, help="how many patches to solve the layers for")
    parser.add_argument("--threads", type=count, help="CPU threads to use")


def run(arguments: argparse.Namespace) -> int:
    """Solve the layers of a recipe's network for those of its teacher and write it, or say how wide they should be."""
    import dataclasses

    import torch
    from rich.console import Console

    from restoration.devices.device import tune_process
    from restoration.errors import InvalidRequest
    from restoration.lab.training.config import read_recipe
    from restoration.lab.training.display import bar, log_to
    from restoration.lab.training.network import construct_network
    from restoration.lab.training.pruning import solve_layers, write_solved
    from restoration.lab.training.teacher import build_teacher
    from restoration.lab.training.teacher_cache import AnsweredDataset
    from restoration.lab.training.widths import choose_widths

    console = Console(stderr=True)
    log_to(console)
    tune_process(threads=arguments.threads)
    recipe = dataclasses.replace(read_recipe(find_recipe(arguments.recipe)), batch=arguments.pictures)
    if recipe.teaching is None:
        raise InvalidRequest(f"Recipe {recipe.name} has no teacher; add the table [teaching].")
    teacher = build_teacher(recipe.teaching, scale=recipe.scale, device=torch.device("cpu"))
    pictures = AnsweredDataset(recipe, arguments.data).batch(0).lq
    layers = sum(isinstance(module, torch.nn.Conv2d) for module in teacher.network.modules())
    label = f"layers of {recipe.teaching.model}"
    if arguments.budget is not None:
        with bar(console, label, done=0, total=layers - 1) as moved:
            print("num_feat =", choose_widths(teacher.network, pictures, budget=arguments.budget, moved=moved))
        return 0
    network = construct_network(recipe.network, recipe.network_config)
    with bar(console, label, done=0, total=layers) as moved:
        followed = solve_layers(teacher.network, network, pictures, moved=moved)
    digest = write_solved(network, followed, arguments.output, teacher=recipe.teaching.model)
    print(f'sha256 = "{digest}"\nsize_bytes = {arguments.output.stat().st_size}')
    return 0
