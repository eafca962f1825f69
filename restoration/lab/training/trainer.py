"""The training loop: seeded, resumable, with an averaged copy of the weights that is validated and exported."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from restoration.devices.device import is_fast_on
from restoration.errors import InvalidRequest, UnstableOutput
from restoration.lab.training.checkpoint import make_folder, read_checkpoint
from restoration.lab.training.config import Recipe
from restoration.lab.training.dataset import Batch, Dataset
from restoration.lab.training.dead_channels import revive, silent_share
from restoration.lab.training.kfac import KFAC
from restoration.lab.training.losses import per_picture, pixel_loss
from restoration.lab.training.muon import Muon
from restoration.lab.training.network import build_network
from restoration.lab.training.objectives import StagedNetwork, objective_of, restored_and_reference
from restoration.lab.training.perceptual import FeatureLoss, build_feature_loss
from restoration.lab.training.pruning import Hints, followed_channels
from restoration.lab.training.samples import write_triples
from restoration.lab.training.teacher import Teacher, build_teacher
from restoration.lab.training.teacher_cache import AnsweredDataset
from restoration.lab.training.texture import texture_distance

log = logging.getLogger(__name__)

_SAMPLES = 3
_LASTING = ("degradation", "scale", "seed")
"""Of the recipe: what has to stay as it is while a run goes on."""


def build_optimizer(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    """Return the recipe's optimiser of all that learns in a network.

    Raises:
        InvalidRequest: it cannot move these weights.
    """
    if recipe.optimizer == "kfac":
        return KFAC(network, lr=recipe.lr)
    kind = Muon if recipe.optimizer == "muon" else torch.optim.Adam
    return kind([each for each in network.parameters() if each.requires_grad], lr=recipe.lr)


def learning_rate(recipe: Recipe, step: int) -> float:
    """Return the rate of a step: linear warm-up, then cosine decay to zero at `recipe.steps`."""
    if step < recipe.warmup_steps:
        return recipe.lr * (step + 1) / recipe.warmup_steps
    done = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


class Trainer:
    """Train one network; all state that a resumed run needs lies in `<folder>/checkpoint.pt`.

    A trainer with more than one network extends `state`, `check`, `load` and `train_step`.
    """

    features_setting = "features"
    """How a recipe calls the setting that `features_name` comes from."""

    def __init__(self, recipe: Recipe, dataset: Dataset, folder: Path, *, device: torch.device) -> None:
        self.recipe = recipe
        self.dataset = dataset
        self.folder = folder
        self.device = device
        self.step = 0
        self.best_psnr = -math.inf
        self.stale = 0  # validations since the best one
        self.best: dict[str, Any] | None = None  # step and averaged weights of that one, for a recipe with patience
        self.is_stopping = False  # set it, and `run` saves after the step that it is at, and returns
        self.network = build_network(recipe).to(device)
        if recipe.half_share and not isinstance(self.network, StagedNetwork):
            raise InvalidRequest(
                f"Network {recipe.network} cannot be told what is known at half the size; remove half_share."
            )
        if recipe.revive:
            self._revive()
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.optimizer = build_optimizer(recipe, self.network)
        self.feature_loss: FeatureLoss | None = None
        if recipe.perceptual:
            self.feature_loss = build_feature_loss(recipe.features).to(device)
        self.teacher: Teacher | None = None
        self.hints: Hints | None = None
        if recipe.teaching is not None and (recipe.teaching.hints or not isinstance(dataset, AnsweredDataset)):
            self.teacher = build_teacher(recipe.teaching, scale=recipe.scale, device=device)
            if recipe.teaching.hints:
                self.hints = Hints(
                    self.teacher.network,
                    self.network,
                    followed_channels(recipe.init_from, teacher=recipe.teaching.model),
                )

    @property
    def checkpoint_path(self) -> Path:
        return self.folder / "checkpoint.pt"

    @property
    def features_name(self) -> str:
        """What the perceptual loss looks at; "" where it does not count."""
        return "" if self.feature_loss is None else self.feature_loss.name

    def resume(self) -> bool:
        """Load the checkpoint of the folder; return False where there is none.

        Raises:
            InvalidRequest: it is damaged, or of a run with another network, optimiser or perceptual loss.
        """
        if not self.checkpoint_path.exists():
            return False
        state = read_checkpoint(self.checkpoint_path)
        self.check(state)
        try:
            self.load(state)
        except (KeyError, RuntimeError, ValueError) as error:  # of runs that did not yet note what they are
            raise InvalidRequest(
                f"The checkpoint in {self.folder} does not fit this recipe's networks or optimiser; use the recipe of "
                "that run, or name another folder in --out."
            ) from error
        return True

    def lasting(self) -> dict[str, Any]:
        """Return what has to stay as it is from a run's first step to its last, by name in the checkpoint."""
        return {
            "network_name": self.recipe.network,
            "network_config": dict(self.recipe.network_config),
            "optimizer_name": self.recipe.optimizer,
            "features": self.features_name,
            **{name: getattr(self.recipe, name) for name in _LASTING},
            "objective": objective_of(self.recipe),
        }

    def check(self, state: dict[str, Any]) -> None:
        """Compare what `state` returned in an earlier run with this one; what it lacks counts as equal.

        Raises:
            InvalidRequest: that run had another network, optimiser, perceptual loss, task or seed.
        """
        settings = {"network_name": "network", "optimizer_name": "optimizer", "features": self.features_setting}
        for name, ours in self.lasting().items():
            theirs, setting = state.get(name, ours), settings.get(name, name)
            if theirs != ours:
                mend = "leave that out of the recipe" if theirs == "" else "name the former in the recipe"
                was, would_be = ("none" if value == "" else value for value in (theirs, ours))
                raise InvalidRequest(
                    f"The run in {self.folder} has {setting} {was}, but here this recipe would go on with "
                    f"{would_be}; {mend}, or name another folder in --out."
                )

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned in an earlier run."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.best_psnr, self.stale = state["step"], state["best_psnr"], state.get("stale", 0)
        self.best = state.get("best") if self.recipe.patience else None

    def state(self) -> dict[str, Any]:
        """Return all that the next step depends on, and what `check` compares."""
        return {
            **self.lasting(),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "best_psnr": self.best_psnr,
            "stale": self.stale,
            "best": self.best,
        }

    def save(self) -> None:
        """Write the checkpoint so that whatever happens meanwhile, the last one is whole.

        Raises:
            InvalidRequest: the folder cannot be written to, or its disk is full.
        """
        content = io.BytesIO()
        torch.save(self.state(), content)
        partial = self.checkpoint_path.with_suffix(".partial")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(content.getbuffer())
            partial.replace(self.checkpoint_path)
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            raise InvalidRequest(
                f"The checkpoint of step {self.step} cannot be written to {self.folder} ({error.strerror}); make room "
                f"or fix the folder, and run the same command again: {self.comeback()}."
            ) from error

    def comeback(self) -> str:
        """Say where the same command would begin."""
        return "it goes on from the last checkpoint" if self.checkpoint_path.exists() else "it starts anew"

    def train_step(self) -> float:
        """Do one optimiser step and return its loss."""
        batch = self.next_batch()
        if isinstance(self.optimizer, KFAC):
            return self._natural_step(self.optimizer, batch)
        restored, reference = self.restore(self.network, batch)
        loss = pixel_loss(restored, reference, self.recipe, mask=batch.mask)
        answer = self._answer(batch)
        if answer is not None and self.recipe.teaching is not None:
            reference = answer
            taught = pixel_loss(restored, reference, self.recipe, mask=batch.mask)
            loss = torch.lerp(loss, taught, self.recipe.teaching.share)
            if self.hints is not None:
                loss = loss + self.recipe.teaching.hints * self.hints.loss(batch.lq)
        if self.feature_loss is not None:
            loss = loss + self.recipe.perceptual * self.feature_loss(restored, reference)
        if self.recipe.texture and batch.mask is not None:
            loss = loss + self.recipe.texture * texture_distance(restored, reference, batch.mask)
        self.descend(loss)
        return float(loss.detach())

    def notes(self) -> dict[str, float]:
        """Return what a row of the log should say besides, of the steps since the last row."""
        return {}

    def next_batch(self) -> Batch:
        """Return the batch of this step on the device."""
        return self.dataset.batch(self.step).to(self.device)

    def restore(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return what a network makes of a batch, in bfloat16 where that is fast and enough, and the reference."""
        fast = self.recipe.optimizer != "kfac" and is_fast_on(self.device, torch.bfloat16)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=fast):
            return restored_and_reference(network, batch, self.recipe)

    def descend(self, loss: Tensor) -> None:
        """Move the network and its average one step down the loss."""
        self._set_rate()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self._follow()

    def _natural_step(self, optimizer: KFAC, batch: Batch) -> float:
        """Do one step of the optimiser that needs the answers themselves, and return its loss."""
        answer, teaching = self._answer(batch), self.recipe.teaching

        def errors() -> Tensor:
            restored, reference = self.restore(self.network, batch)
            if answer is not None and teaching is not None:
                reference = torch.lerp(reference, answer, teaching.share)
            return restored - reference

        self._set_rate()
        loss = optimizer.step(errors)
        self._follow()
        return loss

    def _answer(self, batch: Batch) -> Tensor | None:
        """Return what the teacher makes of a batch, None where there is none."""
        if batch.answer is not None or self.teacher is None:
            return batch.answer
        return self.teacher(batch.lq)

    def _set_rate(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, self.step)

    def _follow(self) -> None:
        """Count a step that is done, and let the average follow."""
        self.step += 1
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for averaged, current in zip(self.average.parameters(), self.network.parameters(), strict=True):
                averaged.lerp_(current, 1 - decay)

    def validate(self) -> float:
        """Return the mean PSNR in dB ([0, 1], clipped) of the averaged weights on the held-out photographs.

        Where a teacher's answers were kept and count at least as much, these take the photographs' place.

        Where pixels were lost, it is that of the lost ones.
        """
        scores = []
        with torch.no_grad():
            for held_out in self.dataset.validation:
                batch = held_out.to(self.device)
                restored, reference = self.restore(self.average, batch)
                error = per_picture((restored.clamp(0, 1) - reference) ** 2, batch.mask)
                scores.append(-10 * math.log10(max(float(error), 1e-12)))
        return sum(scores) / len(scores)

    def _revive(self) -> None:
        """Let the channels begin anew that the first photographs do not wake."""
        batch = self.next_batch()
        count = revive(self.network, lambda: self.restore(self.network, batch), seed=self.recipe.seed)
        log.info("%d silent channels begin anew", count)

    def silent_share(self) -> float:
        """Return the share of the averaged network's channels that held-out photographs do not wake; see `silent`."""
        held_out = self.dataset.validation[0].to(self.device)
        return silent_share(lambda: self.restore(self.average, held_out))

    def write_samples(self) -> None:
        """Write what the averaged weights make of the first held-out photographs to `<folder>/samples/<step>.png`."""
        rows = []
        with torch.no_grad():
            for held_out in self.dataset.validation[:_SAMPLES]:
                batch = held_out.to(self.device)
                rows.append((batch.lq, *self.restore(self.average, batch)))
        try:
            write_triples(rows, self.folder / "samples" / f"{self.step:07d}.png")
        except OSError as error:  # they are only to be looked at
            log.warning("The samples of step %d cannot be written (%s)", self.step, error.strerror)

    @property
    def has_stalled(self) -> bool:
        """True where the recipe's patience is at its end."""
        return 0 < self.recipe.patience <= self.stale

    def run(
        self,
        *,
        every: int,
        report: Callable[[dict[str, Any]], None],
        until_step: int | None = None,
        moved: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Train to the recipe's end (or `until_step`), validating, reporting and saving every `every` steps.

        Args:
            moved: is told the number of steps done, after each.

        Raises:
            UnstableOutput: the loss or a weight became NaN or infinite.
            InvalidRequest: the folder cannot be made, or the checkpoint or the log not be written.
        """
        make_folder(self.folder)
        last = self.recipe.steps if until_step is None else min(until_step, self.recipe.steps)
        while self.step < last and not (self.has_stalled or self.is_stopping):
            started_s, first, total = time.perf_counter(), self.step, 0.0
            while self.step < min(last, first - first % every + every) and not self.is_stopping:
                total += self._finite(self.train_step())
                moved(self.step)
            self._check_weights()
            if self.is_stopping:
                self.save()
                break
            steps = self.step - first
            elapsed_s = time.perf_counter() - started_s
            try:
                psnr = self.validate()
                self._compare(psnr)
            finally:  # the steps are not to be lost with the validation
                self.save()
            self.write_samples()
            row = {
                "step": self.step,
                "loss": round(total / steps, 6),
                "lr": round(learning_rate(self.recipe, self.step), 8),
                "val_psnr_db": round(psnr, 3),
                "patches_per_s": round(steps * self.recipe.batch / elapsed_s, 1),
                "silent_share": round(self.silent_share(), 3),
                **self.notes(),
            }
            self._note(row)
            report(row)
        if self.has_stalled:
            log.info("Stopped at step %d: no gain in %d validations", self.step, self.stale)

    def _compare(self, psnr: float) -> None:
        """Take note of a validation; of the best one the weights are kept where the recipe has patience."""
        if not psnr > self.best_psnr:  # nor where it is no number
            self.stale += 1
            return
        self.stale, self.best_psnr = 0, psnr
        if self.recipe.patience:
            self.best = {"step": self.step, "average": copy.deepcopy(self.average.state_dict())}

    def _note(self, row: Mapping[str, Any]) -> None:
        """Append a row to the log."""
        try:
            with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise InvalidRequest(
                f"The log of step {self.step} cannot be written to {self.folder} ({error.strerror}); make room or fix "
                f"the folder, and run the same command again: {self.comeback()}."
            ) from error

    def _finite(self, loss: float) -> float:
        if not math.isfinite(loss):
            raise self._unstable(f"The loss became {loss}")
        return loss

    def _check_weights(self) -> None:
        """Refuse to go on, and to save, with weights that the last step has broken; the loss would tell one later."""
        if not all(bool(each.isfinite().all()) for each in self.network.parameters()):
            raise self._unstable("Weights became infinite or no numbers")

    def _unstable(self, what: str) -> UnstableOutput:
        return UnstableOutput(
            f"{what} at step {self.step}; halve lr in the recipe and run the same command again: {self.comeback()}."
        )
