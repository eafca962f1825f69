"""Recipes: everything that decides a training run, except the photographs, in one TOML file."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from restoration.degradations.masks import THIN_SHARE
from restoration.errors import InvalidRequest
from restoration.training.adversarial_config import Adversarial, Features, adversarial_from
from restoration.types import ParamValue

Degradation = Literal[
    "gaussian",
    "photo-noise",
    "jpeg",
    "bicubic",
    "second-order",
    "holes",
    "dark-dots",
    "exposure",
    "lifted-noise",
]
Loss = Literal["l1", "log-l1", "l2", "rms"]
OptimizerName = Literal["adam", "muon"]
Objective = Literal["residual", "detail", "direct", "fill", "luma", "upsampled", "lift"]


@dataclass(frozen=True)
class Teaching:
    """The table `[teaching]` of a recipe: a model whose answers are learnt (see `teacher`).

    Args:
        model: its id.
        share: share of the loss that compares with the teacher's answer instead of the photograph, 0 to 1.
        parameters: of the model, in user units; its defaults for the others.
    """

    model: str
    share: float = 1.0
    parameters: Mapping[str, ParamValue] = dataclasses.field(default_factory=dict)


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
            "holes" = scratches, dust, folds, text, strokes and boxes, filled smoothly for the network to correct;
            "dark-dots" = too little light, everywhere, in places or nowhere, and salt and pepper or other noise;
            "exposure" = too little light, of whole pictures, real pairs among them;
            "lifted-noise" = the noise that brightening makes visible.
        pair_share: share of real exposure pairs among the pictures of "exposure".
        gray_share: share of the patches that are turned gray, for tasks other than super-resolution.
        sigma_255: lowest and highest noise level, in 0-255 units.
        scale: factor of the super-resolution task, else 1.
        patch_px: side of the low-quality patch.
        batch: patches per step.
        max_side_px: photographs are shrunk to this long side first, which also removes their own artefacts.
        steps: length of the run; the learning rate falls to zero over it (cosine).
        optimizer: "adam", or "muon" (see `muon`), which needs fewer steps.
        lr: highest learning rate.
        warmup_steps: steps of linear increase to `lr`.
        ema: decay of the average of weights that is exported.
        seed: of the patches, the degradations and the first weights.
        objective: how the network's answer becomes a picture (see `objectives`): "residual" = the damage, to be
            subtracted; "detail" = what bilinear upsampling lacks; "direct" = the picture itself; "fill" = what is
            wrong in the smooth fill of the holes, to be subtracted; "luma" = what bicubic upsampling of Y lacks;
            "upsampled" = the damage of the picture after bicubic upsampling; "lift" = the picture and by how much it
            was lifted. Empty takes "residual" at scale 1 and "detail" elsewhere.
        loss: "l1" = mean absolute error; "log-l1" = its logarithm, patch by patch, so that weak damage counts as much
            as strong; "l2" = mean squared error; "rms" = its root, patch by patch. Where a patch has holes only they
            count.
        thin_share: smallest and largest share of a patch that scratches, dust, folds and text of "holes" cover; more
            than a photograph has teaches more per patch.
        perceptual: weight of the distance between features (see `perceptual`), added to `loss`; 0 for none. Where
            there is a teacher, they are compared with those of its answer.
        features: what that distance looks at, as in `Adversarial`.
        teaching: a model whose answers are learnt beside the photographs; None where none is.
        held_out: share of the photographs that is kept for validation.
        patience: validations without a gain after which the run stops early; 0 never stops it.
        init_from: weights file to start from; layers of other shapes stay at their random start, residual blocks that
            the file lacks pass through what they are given.
        adversarial: a critic takes part; None where none does.
    """

    name: str
    network: str
    degradation: Degradation
    steps: int
    network_config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    sigma_255: tuple[float, float] = (0.0, 55.0)
    gray_share: float = 0.0
    pair_share: float = 0.0
    scale: int = 1
    patch_px: int = 96
    batch: int = 16
    max_side_px: int = 1024
    optimizer: OptimizerName = "adam"
    lr: float = 6e-4
    warmup_steps: int = 200
    ema: float = 0.999
    seed: int = 0
    objective: Objective | Literal[""] = ""
    loss: Loss = "l1"
    thin_share: tuple[float, float] = THIN_SHARE
    perceptual: float = 0.0
    features: Features = "auto"
    teaching: Teaching | None = None
    held_out: float = 0.025
    patience: int = 0
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
    kinds = {
        "degradation": Degradation,
        "loss": Loss,
        "objective": Objective,
        "features": Features,
        "optimizer": OptimizerName,
    }
    for name, choices in ((name, get_args(kind)) for name, kind in kinds.items()):
        if name in values and values[name] not in choices:
            raise InvalidRequest(f'Recipe {path} asks for {name} "{values[name]}"; use one of {", ".join(choices)}.')
    if not 0 < values.get("held_out", 0.5) < 1:
        raise InvalidRequest(f"Recipe {path} holds out a share of {values['held_out']}; give one between 0 and 1.")
    for name in ("sigma_255", "thin_share"):
        if name in values:
            low, high = values[name]
            values[name] = (float(low), float(high))
    if "teaching" in values:
        values["teaching"] = _teaching_from(values["teaching"], path=path)
    if "adversarial" in values:
        if both := sorted({"teaching", "perceptual"} & values.keys()):
            message = f"Recipe {path} has a critic, which does not go with {both[0]}; remove one of them"
            raise InvalidRequest(f"{message} (the table [adversarial] has a perceptual weight of its own).")
        values["adversarial"] = adversarial_from(values["adversarial"], path=path)
    return Recipe(**values)


def _teaching_from(table: Mapping[str, Any], *, path: Path) -> Teaching:
    known = {field.name for field in dataclasses.fields(Teaching)}
    if unknown := sorted(table.keys() - known):
        raise InvalidRequest(
            f"Recipe {path}, table [teaching], has unknown settings {', '.join(unknown)}; "
            f"known are {', '.join(sorted(known))}."
        )
    if "model" not in table:
        raise InvalidRequest(f"Recipe {path}, table [teaching], lacks model; name one.")
    teaching = Teaching(**table)
    if not 0 <= teaching.share <= 1:
        raise InvalidRequest(f"Recipe {path}, table [teaching], has share {teaching.share}; use one from 0 to 1.")
    return teaching
