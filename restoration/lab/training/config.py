"""Recipes: everything that decides a training run, except the photographs, in one TOML file."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from restoration.degradations.masks import THIN_SHARE
from restoration.errors import InvalidRequest
from restoration.lab.training.adversarial_config import Adversarial, Features
from restoration.lab.training.schema import (
    Count,
    Factor,
    Levels255,
    Names,
    Natural,
    Positive,
    Share,
    Shares,
    TrueShare,
    Weight,
    record_from,
)
from restoration.types import ParamValue

Degradation = Literal[
    "gaussian",
    "photo-noise",
    "real-noise",
    "jpeg",
    "bicubic",
    "second-order",
    "holes",
    "dark-dots",
    "exposure",
    "lifted-noise",
]
Loss = Literal["l1", "log-l1", "l2", "rms"]
OptimizerName = Literal["adam", "muon", "kfac"]
Objective = Literal["residual", "detail", "direct", "fill", "luma", "upsampled", "lift"]

_LEAST_SHARE = 0.01  # of the best step; lower rates are those of other optimisers
_SHRINKING: tuple[Degradation, ...] = ("bicubic", "second-order")
_SAME_SIZE: tuple[Objective, ...] = ("residual", "fill", "lift")


@dataclass(frozen=True)
class Teaching:
    """The table `[teaching]` of a recipe: a model whose answers are learnt (see `teacher`).

    Args:
        model: its id.
        share: share of the loss that compares with the teacher's answer instead of the photograph, 0 to 1.
        hints: weight of what the teacher's layers find beside the loss of its answer; the network has to start from a
            file that `prune` wrote.
        parameters: of the model, in user units; its defaults for the others.
    """

    model: str
    share: Share = 1.0
    hints: Weight = 0.0
    parameters: Mapping[str, ParamValue] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """Describe a training run.

    Args:
        name: what messages and the bar of progress call the run; of a recipe that ships, the name of its file.
        network: "module:class" of the network, inside `restoration`.
        network_config: keyword arguments of the network.
        degradation: "gaussian" = noise with sigma uniform in `sigma_255`; "photo-noise" = that, or a camera's noise;
            "real-noise" = that of sensors, developed, of film and of laboratories, told as it is measured;
            "jpeg" = quality 5-95; "bicubic" = shrinking by `scale`;
            "second-order" = shrinking by `scale` with the damage of pictures from the web;
            "holes" = scratches, dust, folds, text, strokes and boxes, filled smoothly for the network to correct;
            "dark-dots" = too little light, everywhere, in places or nowhere, and salt and pepper or other noise;
            "exposure" = too little light, of whole pictures, real pairs among them;
            "lifted-noise" = the noise that brightening makes visible.
        pair_share: share of real exposure pairs among the pictures of "exposure".
        light_share: share of the patches of "second-order" that are shrunk without other damage, or compressed once.
        gray_share: share of the patches that are turned gray, for tasks other than super-resolution.
        clean_share: share of the patches of "real-noise" that have none, and should stay as they are.
        sigma_255: lowest and highest noise level, in 0-255 units.
        scale: factor of the super-resolution task, else 1.
        patch_px: side of the low-quality patch.
        most_shrunk: patches are cut up to so many times as large and shrunk, so that coarse structure is seen too; for
            scale 1.
        batch: patches per step.
        max_side_px: photographs are shrunk to this long side first, which also removes their own artefacts.
        steps: length of the run; the learning rate falls to zero over it (cosine).
        optimizer: "adam"; "muon" (see `muon`), which needs fewer steps; or "kfac" (see `kfac`), which needs fewest, for
            small networks that learn by squared error.
        lr: highest learning rate; for "kfac" the share of the best step, 0.1 to 1.
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
        half_share: share of the patches of "holes" that lose wide strokes and boxes; the network is given these at half
            the size, and told so.
        perceptual: weight of the distance between features (see `perceptual`), added to `loss`; 0 for none. Where
            there is a teacher, they are compared with those of its answer.
        features: what that distance looks at, as in `Adversarial`.
        texture: weight of the distance between the textures of what was lost (see `texture`), added to `loss`.
        teaching: a model whose answers are learnt beside the photographs; None where none is.
        held_out: share of the photographs that is kept for validation.
        patience: validations without a gain after which the run stops early; the weights of the best one are exported
            then. 0 never stops it, and the last ones are.
        init_from: weights file to start from; layers of other shapes stay at their random start, residual blocks that
            the file lacks pass through what they are given.
        init_also: name of a part of the network that starts from the same file, too, as the whole does; empty for none.
        init_maps: what the network is told, beside the picture, keeps the weights of `init_from` as far as that file
            knows it.
        revive: let channels that died in the run before (see `silent`) begin anew, of the weights in `init_from`.
        learn: beginnings of the names of the weights that learn, the others stay as they are; empty for all.
        adversarial: a critic takes part; None where none does.
    """

    name: str
    network: str
    degradation: Degradation
    steps: Count
    network_config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    sigma_255: Levels255 = (0.0, 55.0)
    light_share: Share = 0.0
    gray_share: Share = 0.0
    clean_share: Share = 0.0
    pair_share: Share = 0.0
    scale: Count = 1
    patch_px: Count = 96
    most_shrunk: Factor = 1.0
    batch: Count = 16
    max_side_px: Count = 1024
    optimizer: OptimizerName = "adam"
    lr: Positive = 6e-4
    warmup_steps: Natural = 200
    ema: Share = 0.999
    seed: Natural = 0
    objective: Objective | Literal[""] = ""
    loss: Loss = "l1"
    thin_share: Shares = THIN_SHARE
    half_share: Share = 0.0
    perceptual: Weight = 0.0
    features: Features = "auto"
    texture: Weight = 0.0
    teaching: Teaching | None = None
    held_out: TrueShare = 0.025
    patience: Natural = 0
    init_from: str = ""
    init_also: str = ""
    init_maps: bool = False
    learn: Names = ()
    revive: bool = False
    adversarial: Adversarial | None = None


def read_recipe(path: Path) -> Recipe:
    """Read a recipe file.

    Raises:
        InvalidRequest: the file is absent or is not TOML, a setting is unknown, missing, of the wrong type or out of
            range, or two settings do not go together.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequest(f"Recipe {path} cannot be read; name an existing .toml file.") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"Recipe {path} is not text in UTF-8; save it as such.") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequest(f"Recipe {path} is not valid TOML: {error}.") from error
    recipe = record_from(Recipe, values, where=f"Recipe {path}")
    if recipe.adversarial is not None and (both := sorted({"teaching", "perceptual"} & values.keys())):
        message = f"Recipe {path} has a critic, which does not go with {both[0]}; remove one of them"
        raise InvalidRequest(f"{message} (the table [adversarial] has a perceptual weight of its own).")
    if fault := _disagreement(recipe):
        raise InvalidRequest(f"Recipe {path} {fault}.")
    return recipe


def _disagreement(recipe: Recipe) -> str:
    """Return which settings do not go together and what to do, "" where all do."""
    shrinks = recipe.degradation in _SHRINKING
    if recipe.scale > 1 and not shrinks:
        return (
            f"enlarges by {recipe.scale}, but its degradation {recipe.degradation} does not shrink; use scale = 1, "
            f"or one of {', '.join(_SHRINKING)}"
        )
    if recipe.scale > 1 and recipe.objective in _SAME_SIZE:
        return f"enlarges by {recipe.scale}, which objective {recipe.objective} does not; use another objective"
    if recipe.learn and not recipe.init_from:
        return "learns some weights only, but starts from no file; remove learn, or name a file in init_from"
    if recipe.init_also and not recipe.init_from:
        return "starts a part from the file of init_from, but names none; remove init_also, or name a file in init_from"
    if recipe.half_share and recipe.degradation != "holes":
        return f"knows a share of the holes at half the size, but {recipe.degradation} cuts none; remove half_share"
    if recipe.most_shrunk > 1 and recipe.scale > 1:
        return f"enlarges by {recipe.scale} from patches that are shrunk before; remove most_shrunk"
    if recipe.most_shrunk > 1 and (recipe.degradation == "exposure" or recipe.teaching is not None):
        return "has a most_shrunk, which whole pictures and those with a teacher's answers are not cut by; remove it"
    critic = recipe.adversarial
    if critic is not None and critic.critic == "projected" and critic.has_gradient_penalty:
        return 'has critic projected, which knows no gradient penalty; use penalty = 0 and kind "non-saturating"'
    if recipe.revive and not recipe.init_from:
        return "revives dead channels, but starts from no file; remove revive, or name a file in init_from"
    if recipe.texture and recipe.degradation != "holes":
        return f"compares the texture of what was lost, but {recipe.degradation} cuts no holes; remove texture"
    others = recipe.perceptual or recipe.adversarial or recipe.degradation == "holes"
    if recipe.optimizer == "kfac" and (recipe.loss != "l2" or others):
        return 'has optimizer kfac, which knows squared errors of whole pictures only; use loss = "l2" alone, or "muon"'
    if recipe.optimizer == "kfac" and not _LEAST_SHARE <= recipe.lr <= 1:
        return f"has lr {recipe.lr:g}, but of optimizer kfac it is the share of the best step; use 0.1 to 1"
    if recipe.objective == "fill" and recipe.degradation != "holes":
        return f'has objective fill, but {recipe.degradation} cuts no holes; use degradation = "holes"'
    if recipe.light_share and recipe.degradation != "second-order":
        return 'has a light_share, which is for degradation = "second-order" only; remove it'
    if recipe.clean_share and recipe.degradation != "real-noise":
        return 'has a clean_share, which is for degradation = "real-noise" only; remove it'
    if recipe.init_maps and not recipe.init_from:
        return "keeps the maps of a file, but starts from none; remove init_maps, or name a file in init_from"
    if recipe.gray_share and shrinks:
        return "has a gray_share, which is not for super-resolution; remove it"
    if recipe.teaching is not None and recipe.teaching.hints:
        if not recipe.init_from or recipe.optimizer == "kfac":
            return 'has hints, which need init_from, a file that `prune` wrote, and optimizer "adam" or "muon"'
        if recipe.objective != "direct":
            return 'has hints, which need a network that is given what its teacher is; use objective = "direct"'
    if recipe.teaching is not None and recipe.objective == "luma":
        return "has objective luma, but a teacher answers in colour; remove [teaching] or use another objective"
    return ""
