"""The options of benchmarks on a test set: what makes the cases, and which models see them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from restoration.cli.options import Function, OneOrMore, SpreadingCommand
from restoration.cli.tasks import task_option
from restoration.errors import InvalidRequest
from restoration.types import ParamValue, Task

if TYPE_CHECKING:
    from restoration.lab.bench.cases import Case, Damage

_NOISES = ("gaussian", "camera", "poisson", "speckle")
_HOLES = ("scratches", "dust", "folds", "text", "strokes", "boxes")


@dataclass(frozen=True)
class CaseOptions:
    """What the options of `case_options` say; each field is one of them, `folder` is `--set`."""

    folder: Path
    task: Task
    model: tuple[str, ...]
    sigma: float
    noise: Literal["gaussian", "camera", "poisson", "speckle"]
    from_web: bool
    clip8: bool
    salt_and_pepper: float
    quality: int | None
    blind: bool
    blur: float
    scale: int
    gray: bool
    holes: tuple[Literal["scratches", "dust", "folds", "text", "strokes", "boxes"], ...]
    mask_white_is_known: bool
    seed: int
    limit: int | None
    param: tuple[str, ...]

    def damage(self) -> Damage:
        """Return what is done to clean pictures."""
        from restoration.lab.bench.cases import Damage

        return Damage(
            sigma_255=self.sigma,
            noise=self.noise,
            clip8=self.clip8,
            from_web=self.from_web,
            salt_and_pepper=self.salt_and_pepper,
            quality=self.quality,
            blur_radius_px=self.blur,
            scale=self.scale,
            gray=self.gray,
            seed=self.seed,
            holes=self.holes or Damage.holes,
            mask_white_is_known=self.mask_white_is_known,
        )

    def cases(self) -> Iterator[Case]:
        """Return the cases of the set."""
        from restoration.lab.bench.cases import load_cases

        return load_cases(self.task, self.folder, self.damage(), limit=self.limit)

    def cases_to_look_at(self, *, as_they_are: bool) -> Iterator[Case]:
        """Return the cases of the set, or its pictures with nothing done to them.

        Raises:
            InvalidRequest: the pictures are to stay as they are, and an option would damage them.
        """
        from restoration.lab.bench.cases import Damage, load_cases

        if not as_they_are:
            return self.cases()
        damage = self.damage()
        if damage != Damage(scale=damage.scale, seed=damage.seed):
            raise InvalidRequest("With --as-they-are nothing is done to the pictures; leave out what damages them.")
        # without damage, the cases of denoising are the pictures themselves
        return load_cases(Task.DENOISE, self.folder, damage, limit=self.limit)

    def told(self) -> dict[str, ParamValue]:
        """Return what the models are told of the damage.

        Raises:
            InvalidRequest: a parameter is not NAME=VALUE.
        """
        told: dict[str, ParamValue] = {}
        if self.sigma and self.noise == "gaussian" and not self.blind:
            told["sigma"] = self.sigma
        if self.quality is not None and not self.blind:
            told["quality"] = self.quality
        if self.task is Task.DEBLUR and self.blind:
            told["blur"] = "estimate"
        elif self.blur:
            told |= {"blur": "gaussian", "radius": self.blur}
        if self.task is Task.SUPER_RESOLUTION:
            told["scale"] = self.scale
        return told | dict(_named(text) for text in self.param)

    def models(self) -> list[str]:
        """Return the baseline of the task and the models named, in that order."""
        from restoration.lab.bench.quality import BASELINES

        return list(dict.fromkeys([BASELINES[self.task], *self.model]))

    def settings(self) -> dict[str, Any]:
        """Return what a result names as its settings: all options that say something, without models and folders."""
        values = dataclasses.asdict(self) | {"holes": list(self.holes), "param": list(self.param)}
        del values["folder"], values["model"]
        return {name: value for name, value in values.items() if value not in (None, False, 0.0, "gaussian", [])}


class CaseCommand(SpreadingCommand):
    """A command with `case_options`, which it hands over as one argument `options`."""

    def invoke(self, ctx: click.Context) -> object:
        """Collect the options."""
        names = [field.name for field in dataclasses.fields(CaseOptions)]
        ctx.params["options"] = CaseOptions(**{name: ctx.params.pop(name) for name in names})
        return super().invoke(ctx)


def case_options(function: Function) -> Function:
    """Declare what makes the test cases, and which models see them, for a `CaseCommand`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def model_option(function: Function) -> Function:
    """Declare `--model`, repeatable."""
    return click.option("--model", multiple=True, help="may be repeated; the baseline is always added")(function)


def set_option(help_text: str) -> Callable[[Function], Function]:
    """Return the option `--set`, which gives the command a `folder`."""
    return click.option("--set", "folder", type=click.Path(path_type=Path), required=True, help=help_text)


def _named(text: str) -> tuple[str, ParamValue]:
    name, sign, value = text.partition("=")
    if not name or not sign or not value:
        raise InvalidRequest(f'"--param" must be NAME=VALUE, but is {text}; write for example minutes=0.5.')
    try:
        return name, float(value)
    except ValueError:
        return name, value


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    set_option("folder of the test set"),
    task_option("what the models are to do", required=True),
    model_option,
    click.option(
        "--sigma", type=float, default=0.0, help="noise, 0-255 units; models are told the level of Gaussian noise"
    ),
    click.option("--noise", type=click.Choice(_NOISES), default="gaussian"),
    click.option("--from-web", is_flag=True, help="shrink with blur, noise and JPEG, twice over"),
    click.option("--clip8", is_flag=True, help="clip and round the noisy picture to 8 bits"),
    click.option("--salt-and-pepper", type=float, default=0.0, metavar="RATIO"),
    click.option("--quality", type=int, help="JPEG quality; also told to the model"),
    click.option(
        "--blind",
        is_flag=True,
        help="tell the model nothing: it measures for itself; for blur, after the best shift of the picture",
    ),
    click.option("--blur", type=float, default=0.0, metavar="PX", help="radius of Gaussian blur"),
    click.option("--scale", type=int, default=4, help="super-resolution factor"),
    click.option("--gray", is_flag=True, help="turn the pictures gray first"),
    click.option(
        "--holes",
        cls=OneOrMore,
        multiple=True,
        type=click.Choice(_HOLES),
        metavar="KIND [KIND ...]",
        help=f"inpainting of clean pictures: what is drawn on them, of {', '.join(_HOLES)}; default: scratches text",
    ),
    click.option("--mask-white-is-known", is_flag=True, help="white in the mask files is what is known"),
    click.option("--seed", type=int, default=0),
    click.option("--limit", type=int, help="only the first pictures"),
    click.option("--param", multiple=True, metavar="NAME=VALUE", help="told to the models that take it; repeatable"),
)
