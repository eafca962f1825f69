"""`python -m restoration train`."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from restoration.lab.training.config import Recipe
    from restoration.lab.training.trainer import Trainer

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
_INTERRUPTED = 130  # what shells call a program that Ctrl-C ended


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `train`."""
    parser.add_argument("recipe", type=Path, help="a recipe file, or the name of one that ships")
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, metavar="FOLDER", help="folders of clean photographs"
    )
    parser.add_argument("--out", type=Path, help="folder for the checkpoint and the log; runs/ and the recipe's name")
    parser.add_argument("--resume", action="store_true", help="refuse to start anew where there is no checkpoint")
    parser.add_argument("--every", type=count, default=500, help="steps between validations and checkpoints")
    parser.add_argument("--until-step", type=int, help="stop early at this step; a later call goes on from there")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    parser.add_argument("--threads", type=count, help="CPU threads to use")
    parser.add_argument("--tensorboard", action="store_true", help="also log for TensorBoard, where it is installed")


def count(text: str) -> int:
    """Return a number of the command line.

    Raises:
        argparse.ArgumentTypeError: it is not a whole number of at least 1.
    """
    if not (text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return int(text)


def find_recipe(name: Path | str) -> Path:
    """Return the file of a recipe that ships, or the path as it is."""
    shipped = RECIPES / f"{name}.toml"
    return shipped if shipped.exists() else Path(name)


def _trainer_class(recipe: Recipe) -> type[Trainer]:
    """Return the trainer that a recipe needs; basicsr is imported only for those with a critic."""
    if recipe.adversarial is not None:
        from restoration.lab.training.adversarial import AdversarialTrainer

        return AdversarialTrainer
    from restoration.lab.training.trainer import Trainer

    return Trainer


def _open_board(folder: Path) -> Callable[[Mapping[str, float]], None]:
    """Return a function that shows a row of the log in TensorBoard.

    Raises:
        InvalidRequest: TensorBoard is not installed.
    """
    from restoration.errors import InvalidRequest

    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        message = "TensorBoard is not installed; run `pip install tensorboard`, or leave --tensorboard out."
        raise InvalidRequest(message) from error
    writer = SummaryWriter(str(folder))

    def show(row: Mapping[str, float]) -> None:
        for name, value in row.items():
            writer.add_scalar(name, value, row["step"])
        writer.flush()

    return show


def run(arguments: argparse.Namespace) -> int:
    """Train, resuming from the checkpoint in `--out` where there is one.

    An interruption (Ctrl-C) saves after the step at hand; a second one ends at once.
    """
    from rich.console import Console

    from restoration.devices.device import pick_devices, tune_process
    from restoration.errors import InvalidRequest
    from restoration.lab.training.config import read_recipe
    from restoration.lab.training.datasets import open_dataset
    from restoration.lab.training.display import bar, line_of, log_to
    from restoration.lab.training.photographs import keep_list

    console = Console(stderr=True)
    log_to(console)
    tune_process(threads=arguments.threads)
    recipe = read_recipe(find_recipe(arguments.recipe))
    device = pick_devices(arguments.device)[0]
    folder = arguments.out or Path("runs", recipe.name)
    dataset = open_dataset(recipe, arguments.data)
    trainer = _trainer_class(recipe)(recipe, dataset, folder, device=device)
    resumed = trainer.resume()
    if arguments.resume and not resumed:
        raise InvalidRequest(
            f"There is no checkpoint in {folder} to go on from; name its folder in --out, or leave "
            "--resume out to start anew."
        )
    keep_list(arguments.data, folder, goes_on=resumed)
    log = logging.getLogger(__name__)
    log.info("%d photographs, %s at step %d", dataset.count, "resumed" if resumed else "start", trainer.step)
    show = _open_board(folder) if arguments.tensorboard else None

    def report(row: Mapping[str, float]) -> None:
        log.info("%s", line_of(row))
        if show is not None:
            show(row)

    last = recipe.steps if arguments.until_step is None else min(arguments.until_step, recipe.steps)
    try:
        with stopping(trainer), bar(console, recipe.name, done=trainer.step, total=last) as moved:
            trainer.run(every=arguments.every, until_step=last, report=report, moved=moved)
    except KeyboardInterrupt:
        log.info("Interrupted at step %d. Run the same command again: %s.", trainer.step, trainer.comeback())
        return _INTERRUPTED
    if trainer.is_stopping:
        log.info("Interrupted and saved at step %d; the same command goes on from there.", trainer.step)
        return _INTERRUPTED
    return 0


@contextmanager
def stopping(trainer: Trainer) -> Iterator[None]:
    """Let the first interruption (Ctrl-C) inside the block end the run after the step at hand, the second one at once.

    Outside of the main thread, where no signals arrive, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        if trainer.is_stopping:
            raise KeyboardInterrupt
        trainer.is_stopping = True

    earlier = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, earlier)
