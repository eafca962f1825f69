"""`python -m restoration narrow`."""

from __future__ import annotations

import argparse
from pathlib import Path

from restoration.training.train_command import count, find_recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `narrow`."""
    parser.add_argument("recipe", type=Path, help="a recipe file with a teacher, or the name of one that ships")
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="FOLDER", help="what `teach` kept")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--pictures", type=count, default=48, help="how many patches to solve the layers for")
    parser.add_argument("--threads", type=count, help="CPU threads to use")


def run(arguments: argparse.Namespace) -> int:
    """Solve the layers of a recipe's network for those of its teacher, and write what the recipe may start from."""
    import dataclasses

    import torch
    from rich.console import Console

    from restoration.engine.device import tune_process
    from restoration.errors import InvalidRequest
    from restoration.training.answers import AnsweredDataset
    from restoration.training.config import read_recipe
    from restoration.training.display import bar, log_to
    from restoration.training.narrowing import solve_layers, write_start
    from restoration.training.network import construct_network
    from restoration.training.teacher import build_teacher

    console = Console(stderr=True)
    log_to(console)
    tune_process(threads=arguments.threads)
    recipe = dataclasses.replace(read_recipe(find_recipe(arguments.recipe)), batch=arguments.pictures)
    if recipe.teaching is None:
        raise InvalidRequest(f"Recipe {recipe.name} has no teacher; add the table [teaching].")
    teacher = build_teacher(recipe.teaching, scale=recipe.scale, device=torch.device("cpu"))
    network = construct_network(recipe.network, recipe.network_config)
    pictures = AnsweredDataset(recipe, arguments.data).batch(0).lq
    layers = sum(isinstance(module, torch.nn.Conv2d) for module in network.modules())
    with bar(console, f"layers of {recipe.teaching.model}", done=0, total=layers) as moved:
        followed = solve_layers(teacher.network, network, pictures, moved=moved)
    write_start(network, followed, arguments.output, teacher=recipe.teaching.model)
    return 0
