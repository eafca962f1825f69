"""`restoration prune`."""

from __future__ import annotations

from pathlib import Path

import click

from restoration.cli.options import Count, SpreadingCommand, data_option, require_one


@click.command("prune", cls=SpreadingCommand)
@click.argument("recipe", type=click.Path(path_type=Path))
@data_option("what `cache-teacher` stored")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="the .safetensors file to write")
@click.option(
    "--budget",
    type=float,
    metavar="SHARE",
    help="instead of -o: print the layer widths that spend this share of the teacher's multiply-adds, for the recipe",
)
@click.option("--pictures", type=Count(), default=48, help="how many patches to solve the layers for")
@click.option("--threads", type=Count(), help="CPU threads to use")
def command(
    *,
    recipe: Path,
    data: tuple[Path, ...],
    output: Path | None,
    budget: float | None,
    pictures: int,
    threads: int | None,
) -> None:
    """Start the network of RECIPE from its teacher's weights, solved layer by layer for fewer channels.

    RECIPE is a recipe file with a teacher, or the name of one that ships.
    """
    require_one({"-o": output, "--budget": budget})
    import dataclasses

    import torch
    from rich.console import Console

    from restoration.devices.device import tune_process
    from restoration.errors import InvalidRequest
    from restoration.lab.recipes import find_recipe
    from restoration.lab.training.config import read_recipe
    from restoration.lab.training.display import bar, log_to
    from restoration.lab.training.network import construct_network
    from restoration.lab.training.pruning import solve_layers, write_solved
    from restoration.lab.training.teacher import build_teacher
    from restoration.lab.training.teacher_cache import AnsweredDataset
    from restoration.lab.training.widths import choose_widths

    console = Console(stderr=True)
    log_to(console)
    tune_process(threads=threads)
    plan = dataclasses.replace(read_recipe(find_recipe(recipe)), batch=pictures)
    if plan.teaching is None:
        raise InvalidRequest(f"Recipe {plan.name} has no teacher; add the table [teaching].")
    teacher = build_teacher(plan.teaching, scale=plan.scale, device=torch.device("cpu"))
    patches = AnsweredDataset(plan, data).batch(0).lq
    layers = sum(isinstance(module, torch.nn.Conv2d) for module in teacher.network.modules())
    label = f"layers of {plan.teaching.model}"
    if budget is not None:
        with bar(console, label, done=0, total=layers - 1) as moved:
            print("num_feat =", choose_widths(teacher.network, patches, budget=budget, moved=moved))
    if output is not None:
        network = construct_network(plan.network, plan.network_config)
        with bar(console, label, done=0, total=layers) as moved:
            followed = solve_layers(teacher.network, network, patches, moved=moved)
        digest = write_solved(network, followed, output, teacher=plan.teaching.model)
        print(f'sha256 = "{digest}"\nsize_bytes = {output.stat().st_size}')
