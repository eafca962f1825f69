"""Recipes: everything that decides a training run, except the photographs, in one TOML file."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from restoration.errors import InvalidRequest
from restoration.training.adversarial_config import Adversarial, adversarial_from

Degradation = Literal["gaussian", "photo-noise", "jpeg", "bicubic", "second-order", "holes"]
Loss = Literal["l1", "log-l1", "l2"]
Objective = Literal["residual", "detail", "direct", "fill"]


@dataclass(frozen=True)
class Recipe:
    """Describe a training run.

    Args:
        name: file name of the checkpoint, the log and the weights.
        network: "module:class" of the network, inside `restoration.models`.
        network_config: keyword arguments of the network.
        degradation: "gaussian" = noise with sigma uniform in `sigma_255`; "photo-noise" = that, or a camera's noise;
            "jpeg" = quality 5-95; "bicubic" = shrinking by `scale`;
            "second-order" = shrinking by `scale` with the damage of pictures from the web;
            "holes" = scratches, dust, folds, text, strokes and boxes, filled smoothly for the network to correct.
        gray_share: share of the patches that are turned gray, for tasks other than super-resolution.
        sigma_255: lowest and highest noise level, in 0-255 units.
        scale: factor of the super-resolution task, else 1.
        patch_px: side of the low-quality patch.
        batch: patches per step.
        max_side_px: photographs are shrunk to this long side first, which also removes their own artefacts.
        steps: length of the run; the learning rate falls to zero over it (cosine).
        lr: highest learning rate of Adam.
        warmup_steps: steps of linear increase to `lr`.
        ema: decay of the average of weights that is exported.
        seed: of the patches, the degradations and the first weights.
        objective: how the network's answer becomes a picture (see `objectives`): "residual" = the damage, to be
            subtracted; "detail" = what bilinear upsampling lacks; "direct" = the picture itself; "fill" = what the
            smooth fill of the holes lacks. Empty takes "residual" at scale 1 and "detail" elsewhere.
        loss: "l1" = mean absolute error; "log-l1" = its logarithm, patch by patch, so that weak damage counts as much
            as strong; "l2" = mean squared error. Where a patch has holes only they count.
        init_from: weights file to start from; layers of other shapes stay at their random start.
        adversarial: a critic takes part; None where none does.
    """

    name: str
    network: str
    degradation: Degradation
    steps: int
    network_config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    sigma_255: tuple[float, float] = (0.0, 55.0)
    gray_share: float = 0.0
    scale: int = 1
    patch_px: int = 96
    batch: int = 16
    max_side_px: int = 1024
    lr: float = 6e-4
    warmup_steps: int = 200
    ema: float = 0.999
    seed: int = 0
    objective: Objective | Literal[""] = ""
    loss: Loss = "l1"
    init_from: str = ""
    adversarial: Adversarial | None = None


def read_recipe(path: Path) -> Recipe:
    """Read a recipe file.

    Raises:
        InvalidRequest: the file is absent, is not TOML, or names an unknown or lacks a needed setting.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequest(f"Recipe {path} cannot be read; name an existing .toml file.") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequest(f"Recipe {path} is not valid TOML: {error}.") from error
    known = {field.name for field in dataclasses.fields(Recipe)}
    if unknown := sorted(values.keys() - known):
        raise InvalidRequest(
            f"Recipe {path} has unknown settings {', '.join(unknown)}; known are {', '.join(sorted(known))}."
        )
    if missing := sorted({"name", "network", "degradation", "steps"} - values.keys()):
        raise InvalidRequest(f"Recipe {path} lacks {', '.join(missing)}; add them.")
    kinds = {"degradation": Degradation, "loss": Loss, "objective": Objective}
    for name, choices in ((name, get_args(kind)) for name, kind in kinds.items()):
        if name in values and values[name] not in choices:
            raise InvalidRequest(f'Recipe {path} asks for {name} "{values[name]}"; use one of {", ".join(choices)}.')
    if "sigma_255" in values:
        low, high = values["sigma_255"]
        values["sigma_255"] = (float(low), float(high))
    if "adversarial" in values:
        values["adversarial"] = adversarial_from(values["adversarial"], path=path)
    return Recipe(**values)
