"""What drives a training run from outside: its trainer, an orderly end on Ctrl-C, and TensorBoard."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from restoration.errors import InvalidRequest

if TYPE_CHECKING:
    from restoration.lab.training.config import Recipe
    from restoration.lab.training.trainer import Trainer


def trainer_class(recipe: Recipe) -> type[Trainer]:
    """Return the trainer that a recipe needs; basicsr is imported only for those with a critic."""
    if recipe.adversarial is not None:
        from restoration.lab.training.adversarial import AdversarialTrainer

        return AdversarialTrainer
    from restoration.lab.training.trainer import Trainer

    return Trainer


def open_board(folder: Path) -> Callable[[Mapping[str, float]], None]:
    """Return a function that shows a row of the log in TensorBoard.

    Raises:
        InvalidRequest: TensorBoard is not installed.
    """
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
