"""Adversarial training: the loop of `Trainer` with a critic and its losses.

The critic learns first, from the answers of the same step; then the network, from what the critic now says. All of it
starts at `start_step`; a network should be good at its task by then, or start from weights that are (`init_from`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from restoration.devices.device import is_fast_on
from restoration.errors import InvalidRequest
from restoration.lab.training.adversarial_config import Adversarial, Kind
from restoration.lab.training.adversarial_losses import critic_loss, gradient_penalty, network_loss, r1_penalty
from restoration.lab.training.config import Recipe
from restoration.lab.training.critics import activations, build_critic, crop_at_mask
from restoration.lab.training.dataset import Batch, Dataset
from restoration.lab.training.losses import pixel_loss
from restoration.lab.training.objectives import StagedNetwork
from restoration.lab.training.perceptual import (
    FeatureLoss,
    artefact_loss,
    build_feature_loss,
    colour_loss,
    discount_weights,
    feature_matching,
)
from restoration.lab.training.stages import answers_and_reference, completed
from restoration.lab.training.trainer import Trainer, learning_rate

_BETAS: Mapping[Kind, tuple[float, float]] = {
    "relativistic": (0.9, 0.99),
    "vanilla": (0.9, 0.99),
    "non-saturating": (0.0, 0.99),
    "wgan-gp": (0.5, 0.9),
}
"""What the papers take for the critic's Adam."""


class AdversarialTrainer(Trainer):
    """Train a network against a critic; a checkpoint holds both, so that a resumed run equals an unbroken one."""

    features_setting = "features in the table [adversarial]"

    def __init__(self, recipe: Recipe, dataset: Dataset, folder: Path, *, device: torch.device) -> None:
        super().__init__(recipe, dataset, folder, device=device)
        assert recipe.adversarial is not None
        self.settings: Adversarial = recipe.adversarial
        if isinstance(self.network, StagedNetwork) and recipe.degradation != "holes":
            raise InvalidRequest(
                f"Network {recipe.network} fills holes in stages, but {recipe.degradation} cuts none; "
                'use degradation = "holes", or another network.'
            )
        self.critic = build_critic(self.settings, seed=recipe.seed + 1).to(device)
        betas = _BETAS[self.settings.kind]
        self._learning = [each for each in self.critic.parameters() if each.requires_grad]
        self.critic_optimizer = torch.optim.Adam(self._learning, lr=self.settings.critic_lr, betas=betas)
        self.feature_loss: FeatureLoss | None = None
        if self.settings.perceptual:
            self.feature_loss = build_feature_loss(self.settings.features).to(device)
        self._critic_losses: list[float] = []

    def state(self) -> dict[str, Any]:
        return {
            **super().state(),
            "critic": self.critic.state_dict(),
            "critic_optimizer": self.critic_optimizer.state_dict(),
        }

    def check(self, state: dict[str, Any]) -> None:
        """Compare what `state` returned in an earlier run with this one.

        Raises:
            InvalidRequest: as in `Trainer.check`, or that run had no critic.
        """
        if "critic" not in state:
            raise InvalidRequest(
                f"The checkpoint in {self.folder} is of a run without a critic; export it, name the export in "
                "init_from, and train into another folder."
            )
        super().check(state)

    def load(self, state: dict[str, Any]) -> None:
        super().load(state)
        self.critic.load_state_dict(state["critic"])
        self.critic_optimizer.load_state_dict(state["critic_optimizer"])

    def notes(self) -> dict[str, float]:
        losses, self._critic_losses = self._critic_losses, []
        return {"critic_loss": round(sum(losses) / len(losses), 6)} if losses else {}

    def train_step(self) -> float:
        """Do one step of the network, and before it those of the critic; return the network's loss."""
        batch = self.next_batch()
        with self._autocast():
            answers, reference = answers_and_reference(self.network, batch, self.recipe)
        loss = self.settings.pixel * self._pixel_loss(answers, reference, batch.mask)
        if self.step >= self.settings.start_step:
            restored = completed(answers[-1], batch)
            self._critic_turn(restored.detach(), reference, batch.mask)
            loss = loss + self._judged(restored, reference, batch)
        self.descend(loss)
        return float(loss.detach())

    def critic_step(self, restored: Tensor, reference: Tensor, mask: Tensor | None) -> float:
        """Do one step of the critic and return its loss, without the penalty.

        Args:
            restored: of the network, without its graph.
        """
        settings = self.settings
        with self._autocast():
            real, fake = self._scores(reference, mask), self._scores(restored, mask)
        loss = critic_loss(real, fake, kind=settings.kind)
        total = loss + self._penalty(restored, reference, mask)
        for group in self.critic_optimizer.param_groups:
            group["lr"] = settings.critic_lr * learning_rate(self.recipe, self.step) / self.recipe.lr
        self.critic_optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self.critic_optimizer.step()
        return float(loss.detach())

    def _critic_turn(self, restored: Tensor, reference: Tensor, mask: Tensor | None) -> None:
        """Let the critic learn from this step's answers, and before that from answers to batches of its own."""
        for number in range(1, self.settings.critic_steps):
            batch = self.dataset.batch(self.recipe.steps * number + self.step).to(self.device)
            with torch.no_grad(), self._autocast():
                answers, other = answers_and_reference(self.network, batch, self.recipe)
            self.critic_step(completed(answers[-1], batch), other, batch.mask)
        self._critic_losses.append(self.critic_step(restored, reference, mask))

    def _penalty(self, restored: Tensor, reference: Tensor, mask: Tensor | None) -> Tensor:
        settings = self.settings
        if settings.kind == "wgan-gp":
            generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + self.step)
            return settings.penalty * gradient_penalty(self.critic, reference, restored, mask, generator=generator)
        if settings.kind == "non-saturating" and settings.penalty and self.step % settings.penalty_every == 0:
            return settings.penalty_every * settings.penalty / 2 * r1_penalty(self.critic, reference, mask)
        return reference.new_zeros(())

    def _judged(self, restored: Tensor, reference: Tensor, batch: Batch) -> Tensor:
        """Return what the critic and the frozen judges say of the network's answers, weighed."""
        settings = self.settings
        self._let_critic_learn(False)
        with self._autocast():
            with torch.no_grad(), activations(self.critic) as theirs:
                real = self._scores(reference, batch.mask)
            with activations(self.critic) as ours:
                fake = self._scores(restored, batch.mask)
            loss = settings.adversarial * network_loss(real, fake, kind=settings.kind)
            if settings.feature_matching:
                loss = loss + settings.feature_matching * feature_matching(ours, theirs)
            if self.feature_loss is not None:
                loss = loss + settings.perceptual * self.feature_loss(*self._in_view(restored, reference, batch.mask))
        self._let_critic_learn(True)
        if settings.artefact:
            with torch.no_grad():
                average, _ = self.restore(self.average, batch)
            loss = loss + settings.artefact * artefact_loss(restored, average, reference)
        if settings.colour:
            loss = loss + settings.colour * colour_loss(restored, reference)
        return loss

    def _let_critic_learn(self, learns: bool) -> None:
        for parameter in self._learning:
            parameter.requires_grad_(learns)

    def _in_view(self, restored: Tensor, reference: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the part of both that the perceptual loss looks at, which is most of its cost."""
        side_px = self.settings.perceptual_px
        if side_px == 0:
            return restored, reference
        if mask is not None:
            return crop_at_mask(restored, mask, side_px=side_px), crop_at_mask(reference, mask, side_px=side_px)
        rng = np.random.default_rng((self.recipe.seed, self.step))
        top, left = (int(rng.integers(side - side_px + 1)) for side in reference.shape[2:])
        view = np.s_[..., top : top + side_px, left : left + side_px]
        return restored[view], reference[view]

    def _pixel_loss(self, answers: Sequence[Tensor], reference: Tensor, mask: Tensor | None) -> Tensor:
        """Return the recipe's loss of all answers; of lost pixels alone, the deeper ones discounted, with a mask."""
        weights = None if mask is None else mask * discount_weights(mask, discount=self.settings.discount)
        losses = [pixel_loss(answer, reference, self.recipe, mask=weights) for answer in answers]
        return torch.stack(losses).sum()

    def _scores(self, picture: Tensor, mask: Tensor | None) -> Tensor:
        scores: Tensor = self.critic(picture, mask)
        return scores.float()

    def _autocast(self) -> torch.autocast:
        fast = is_fast_on(self.device, torch.bfloat16)
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=fast)
