"""The table `[adversarial]` of a recipe: the critic and the weights of the losses."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from restoration.lab.training.schema import Count, Natural, SomeShare, Weight

Kind = Literal["relativistic", "vanilla", "non-saturating", "wgan-gp"]
CriticName = Literal["unet", "patch", "projected", "vgg", "local-global"]
Features = Literal["auto", "vgg19", "denoiser", "contrast"]


@dataclass(frozen=True)
class Adversarial:
    """Describe the adversarial part of a training run.

    Args:
        critic: see `critics.build_critic`.
        kind: "relativistic" = relativistic average (ESRGAN); "vanilla" = cross entropy (Real-ESRGAN);
            "non-saturating" = softplus with the R1 penalty on real pictures, if any; "wgan-gp" = Wasserstein distance
            with the gradient penalty, inside the mask where there is one.
        critic_config: keyword arguments of the critic.
        pixel: weight of the recipe's own loss.
        perceptual: weight of the distance between features.
        perceptual_px: side of the square in which they are compared, round the holes or anywhere; 0 = the whole patch.
        adversarial: weight of what the critic says.
        feature_matching: weight of the distance between the critic's own activations.
        artefact: weight of locally discriminative learning, which damps invented texture.
        colour: weight of the distance between colours averaged over squares.
        features: what the perceptual loss looks at; "auto" = VGG19 where torchvision has or gets its weights, else the
            denoiser (see `perceptual`).
        discount: share by which a lost pixel counts less for every pixel of distance to a known one; 1 = none.
        critic_lr: highest learning rate of the critic; it falls as the network's does.
        critic_steps: steps of the critic for each one of the network.
        penalty: weight of the gradient penalty.
        penalty_every: the R1 penalty is computed at every so many steps, that much stronger.
        start_step: step from which on the critic takes part; until then only the pixel loss counts.
    """

    critic: CriticName
    kind: Kind
    critic_config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    pixel: Weight = 1.0
    perceptual: Weight = 0.0
    perceptual_px: Natural = 0
    adversarial: Weight = 0.1
    feature_matching: Weight = 0.0
    artefact: Weight = 0.0
    colour: Weight = 0.0
    features: Features = "auto"
    discount: SomeShare = 1.0
    critic_lr: Weight = 1e-4
    critic_steps: Count = 1
    penalty: Weight = 10.0
    penalty_every: Count = 16
    start_step: Natural = 0

    @property
    def has_gradient_penalty(self) -> bool:
        """Whether the critic's gradient counts."""
        return self.kind == "wgan-gp" or (self.kind == "non-saturating" and self.penalty > 0)
