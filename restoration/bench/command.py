"""`python -m restoration bench`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restoration.errors import InvalidRequest, ModelUnavailable
from restoration.types import ParamValue, Task

if TYPE_CHECKING:
    from restoration.bench.cases import Case, Damage
    from restoration.bench.learned import Distance
    from restoration.bench.sheet import Crop

_KEEP_OTHERS = "what the file of --json has of others stays, with its date and commit"
_PROJECT = Path(__file__).resolve().parents[2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `bench`."""
    kinds = parser.add_subparsers(title="kinds", required=True, metavar="KIND")
    quality = kinds.add_parser("quality", help="PSNR, SSIM, MSE and MAE on a test set")
    _add_case_arguments(quality)
    quality.add_argument("--precision", choices=["auto", "exact"], default="auto")
    quality.add_argument("--lpips", action="store_true", help="also LPIPS, where its library and backbone can be had")
    quality.add_argument("--json", type=Path, help="also write the result to this file")
    quality.add_argument("--keep-others", action="store_true", help=_KEEP_OTHERS)
    quality.add_argument("--save", type=Path, metavar="FOLDER", help="keep the restored pictures there")
    quality.set_defaults(measure=_quality)
    sheet = kinds.add_parser("sheet", help="a contact sheet of crops at full size, to be looked at")
    _add_case_arguments(sheet)
    sheet.add_argument("--as-they-are", action="store_true", help="real pictures: nothing is done to them first")
    sheet.add_argument("--crop", type=int, default=256, metavar="PX", help="side of the crops")
    sheet.add_argument("-o", "--output", type=Path, required=True, help="the picture to write")
    sheet.set_defaults(measure=_sheet)
    pairs = kinds.add_parser("pairs", help="two models side by side without their names, to be judged by eye")
    _add_case_arguments(pairs)
    pairs.add_argument("--as-they-are", action="store_true", help="real pictures: nothing is done to them first")
    pairs.add_argument("--crop", type=int, default=256, metavar="PX", help="side of the crops")
    pairs.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="where they are written")
    pairs.set_defaults(measure=_pairs)
    judge = kinds.add_parser("judge", help="count what was said of the pictures of `pairs`")
    judge.add_argument("pairs", type=Path, metavar="FOLDER")
    judge.add_argument("verdicts", help="for each picture in order: L, R, or = where neither is better")
    judge.set_defaults(measure=_judge)
    dark = kinds.add_parser("low-light", help="brightening: noise left, mean matched, what becomes of good pictures")
    dark.add_argument("--set", type=Path, required=True, dest="folder", help="folder of pairs or of good pictures")
    dark.add_argument("--model", action="append", default=[], help="may be repeated; the baseline is always added")
    dark.add_argument("--exposure", type=float, help="mean brightness to ask for, in percent")
    dark.add_argument("--limit", type=int, help="only the first pictures")
    dark.set_defaults(measure=_low_light)
    speed = kinds.add_parser("speed", help="time and memory of the engine, each beside a baseline")
    speed.add_argument("--only", help="a line, or how its name begins")
    speed.add_argument("--repeats", type=int, default=3)
    speed.add_argument("--device", help="cpu, cuda, cuda:1 or mps; default: the best present")
    speed.add_argument("--json", type=Path, help="also write the result to this file")
    speed.add_argument("--keep-others", action="store_true", help=_KEEP_OTHERS)
    speed.set_defaults(measure=_speed)
    exposure = kinds.add_parser("exposure", help="what a brightener does to dark, mixed and bright pictures with noise")
    exposure.add_argument("--set", type=Path, required=True, dest="folder", help="folder of clean pictures")
    exposure.add_argument("--model", default="dark-photo")
    exposure.add_argument("--seed", type=int, default=0)
    exposure.add_argument("--limit", type=int, help="only the first pictures")
    exposure.add_argument("--json", type=Path, help="also write the result to this file")
    exposure.set_defaults(measure=_exposure)
    noise = kinds.add_parser("noise-match", help="simulated noise of cameras beside real noise: spectra, correlations")
    noise.add_argument("--set", type=Path, required=True, dest="folder", help="folder of pairs *_real.* and *_mean.*")
    noise.add_argument("--draws", type=int, default=8, help="cameras that are drawn for each pair")
    noise.add_argument("--seed", type=int, default=0)
    noise.add_argument("--json", type=Path, help="also write the numbers to this file")
    noise.add_argument("-o", "--output", type=Path, help="also draw them into this .svg file")
    noise.set_defaults(measure=_noise_match)
    plot = kinds.add_parser("plot", help="draw a result of `quality`: quality against speed, as SVG")
    plot.add_argument("result", type=Path, help="a .json file that `quality` wrote")
    plot.add_argument("--metric", default="psnr")
    plot.add_argument("-o", "--output", type=Path, required=True, help="the .svg file to write")
    plot.set_defaults(measure=_plot)
    report = kinds.add_parser("report", help="make the tables of the README from assets/benchmarks")
    report.add_argument("--write", action="store_true", help="write the README instead of printing it")
    report.set_defaults(measure=_report)


def _add_case_arguments(command: argparse.ArgumentParser) -> None:
    """Declare what makes the test cases, and which models see them."""
    command.add_argument("--set", type=Path, required=True, dest="folder", help="folder of the test set")
    command.add_argument("--task", required=True, choices=[task.value for task in Task])
    command.add_argument("--model", action="append", default=[], help="may be repeated; the baseline is always added")
    command.add_argument(
        "--sigma", type=float, default=0.0, help="noise, 0-255 units; Gaussian noise is told to models"
    )
    command.add_argument("--noise", choices=["gaussian", "camera", "poisson", "speckle"], default="gaussian")
    command.add_argument("--from-web", action="store_true", help="shrink with blur, noise and JPEG, twice over")
    command.add_argument("--clip8", action="store_true", help="clip and round the noisy picture to 8 bits")
    command.add_argument("--salt-and-pepper", type=float, default=0.0, metavar="RATIO")
    command.add_argument("--quality", type=int, help="JPEG quality; also told to the model")
    command.add_argument(
        "--blind",
        action="store_true",
        help="tell the model nothing: it measures for itself; for blur, after the best shift of the picture",
    )
    command.add_argument("--blur", type=float, default=0.0, metavar="PX", help="radius of Gaussian blur")
    command.add_argument("--scale", type=int, default=4, help="super-resolution factor")
    command.add_argument("--gray", action="store_true", help="turn the pictures gray first")
    command.add_argument(
        "--holes",
        nargs="+",
        choices=["scratches", "dust", "folds", "text", "strokes", "boxes"],
        help="inpainting of clean pictures: what is drawn on them; default: scratches and text",
    )
    command.add_argument("--mask-white-is-known", action="store_true", help="white in the mask files is what is known")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--limit", type=int, help="only the first pictures")
    command.add_argument(
        "--param",
        action="append",
        metavar="NAME=VALUE",
        help="told to the models that take it; repeatable",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the kind of benchmark chosen."""
    code: int = arguments.measure(arguments)
    return code


def _damage(arguments: argparse.Namespace) -> Damage:
    from restoration.bench.cases import Damage

    return Damage(
        sigma_255=arguments.sigma,
        noise=arguments.noise,
        clip8=arguments.clip8,
        from_web=arguments.from_web,
        salt_and_pepper=arguments.salt_and_pepper,
        quality=arguments.quality,
        blur_radius_px=arguments.blur,
        scale=arguments.scale,
        gray=arguments.gray,
        seed=arguments.seed,
        holes=tuple(arguments.holes or Damage.holes),
        mask_white_is_known=arguments.mask_white_is_known,
    )


def _told(arguments: argparse.Namespace) -> dict[str, ParamValue]:
    """Return what the models are told of the damage."""
    told: dict[str, ParamValue] = {}
    if arguments.sigma and arguments.noise == "gaussian" and not arguments.blind:
        told["sigma"] = arguments.sigma
    if arguments.quality is not None and not arguments.blind:
        told["quality"] = arguments.quality
    if Task(arguments.task) is Task.DEBLUR and arguments.blind:
        told["blur"] = "estimate"
    elif arguments.blur:
        told |= {"blur": "gaussian", "radius": arguments.blur}
    if Task(arguments.task) is Task.SUPER_RESOLUTION:
        told["scale"] = arguments.scale
    return told | dict(_named(text) for text in arguments.param or ())


def _named(text: str) -> tuple[str, ParamValue]:
    name, sign, value = text.partition("=")
    if not name or not sign or not value:
        raise InvalidRequest(f'"--param" must be NAME=VALUE, but is {text}; write for example minutes=0.5.')
    try:
        return name, float(value)
    except ValueError:
        return name, value


def _models(arguments: argparse.Namespace) -> list[str]:
    from restoration.bench.quality import BASELINES

    return list(dict.fromkeys([BASELINES[Task(arguments.task)], *arguments.model]))


def _sheet(arguments: argparse.Namespace) -> int:
    from restoration.bench.sheet import contact_sheet
    from restoration.service import Service

    task = Task(arguments.task)
    sheet = contact_sheet(
        Service(),
        _cases_to_look_at(arguments),
        task=task,
        models=_models(arguments),
        parameters=_told(arguments),
        crop_px=arguments.crop,
        progress=lambda line: print(line, file=sys.stderr),
    )
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(arguments.output, quality=92)
    return 0


def _cases_to_look_at(arguments: argparse.Namespace) -> Iterator[Case]:
    from restoration.bench.cases import Damage, load_cases

    damage = _damage(arguments)
    if arguments.as_they_are and damage != Damage(scale=damage.scale, seed=damage.seed):
        raise InvalidRequest("With --as-they-are nothing is done to the pictures; leave out what would damage them.")
    # without damage, the cases of denoising are the pictures themselves
    source = Task.DENOISE if arguments.as_they_are else Task(arguments.task)
    return load_cases(source, arguments.folder, damage, limit=arguments.limit)


def _pairs(arguments: argparse.Namespace) -> int:
    from restoration.bench.pairs import write_pairs
    from restoration.bench.sheet import crops_of
    from restoration.service import Service

    models = _models(arguments)[-2:]
    if len(models) < 2 or len(arguments.model) > 2:
        raise InvalidRequest("Two models are compared; name one, which is shown beside the baseline, or two.")
    service, task, told = Service(), Task(arguments.task), _told(arguments)

    def rows() -> Iterator[tuple[Crop, Crop]]:
        for case in _cases_to_look_at(arguments):
            print(case.name, file=sys.stderr)
            crops = crops_of(service, case, task=task, models=models, parameters=told, crop_px=arguments.crop)
            yield crops[1], crops[2]

    count = write_pairs(rows(), arguments.output, seed=arguments.seed)
    print(f"{count} pairs of {' and '.join(models)} in {arguments.output}; judge them without a look at key.json")
    return 0


def _judge(arguments: argparse.Namespace) -> int:
    from restoration.bench.pairs import count_verdicts

    for model, count in count_verdicts(arguments.pairs, arguments.verdicts).items():
        print(f"{f'{model} better' if model else 'neither better'}: {count}")
    return 0


def _low_light(arguments: argparse.Namespace) -> int:
    from restoration.bench.cases import Damage, load_cases
    from restoration.bench.low_light import methods, score, to_markdown
    from restoration.bench.quality import BASELINES
    from restoration.service import Service

    is_paired = (arguments.folder / "low").is_dir()
    task = Task.LOW_LIGHT if is_paired else Task.DENOISE  # without damage, its cases are the pictures themselves
    parameters = {} if arguments.exposure is None else {"exposure": arguments.exposure}
    models = list(dict.fromkeys([BASELINES[Task.LOW_LIGHT], *arguments.model]))
    scores = score(
        load_cases(task, arguments.folder, Damage(), limit=arguments.limit),
        methods(Service(), models, parameters=parameters),
        progress=lambda line: print(line, file=sys.stderr),
    )
    print(to_markdown(scores))
    return 0


def _lpips() -> Distance | None:
    """Return the distance, or None and a line that says why there is none."""
    from restoration.bench.learned import open_lpips

    try:
        return open_lpips()
    except ModelUnavailable as error:
        print(error, file=sys.stderr)
        return None


def _quality(arguments: argparse.Namespace) -> int:
    from restoration.bench.cases import load_cases
    from restoration.bench.quality import ALIGNMENT_PX, measure
    from restoration.bench.report import to_json
    from restoration.service import Service

    task = Task(arguments.task)
    rows = measure(
        Service(),
        load_cases(task, arguments.folder, _damage(arguments), limit=arguments.limit),
        task=task,
        models=_models(arguments),
        parameters=_told(arguments),
        precision=arguments.precision,
        folder=arguments.save,
        is_blind=arguments.blind,
        lpips=_lpips() if arguments.lpips else None,
        progress=lambda line: print(line, file=sys.stderr),
    )
    settings = {
        key: value
        for key, value in vars(arguments).items()
        if key not in ("measure", "command", "json", "keep_others", "folder", "model", "save")
        and value not in (None, False, 0.0, "gaussian")
    }
    title = f"{arguments.folder.name}, {task.value}"
    if arguments.blind and task is Task.DEBLUR:
        title += f", kernel estimated, compared after the best shift of at most {ALIGNMENT_PX} px"
    result = to_json(rows, title=title, command="bench quality", settings={"set": arguments.folder.name, **settings})
    _hand_out(result, arguments)
    return 0


def _exposure(arguments: argparse.Namespace) -> int:
    from restoration.bench.cases import pictures_in
    from restoration.bench.exposure import measure_exposure, to_json
    from restoration.bench.report import circumstances, to_markdown
    from restoration.service import restore

    rows = measure_exposure(
        lambda pixels: restore(pixels, task=Task.LOW_LIGHT, model=arguments.model).picture.pixels,
        pictures_in(arguments.folder)[: arguments.limit],
        seed=arguments.seed,
    )
    result = {
        "title": f"{arguments.folder.name}, {arguments.model} under {len(rows)} conditions",
        "command": "bench exposure",
        "settings": {
            "set": arguments.folder.name,
            "model": arguments.model,
            "seed": arguments.seed,
            **({} if arguments.limit is None else {"limit": arguments.limit}),
        },
        **circumstances(),
        "conditions": to_json(rows),
    }
    print(to_markdown(result))
    if arguments.json is not None:
        _write(result, arguments.json)
    return 0


def _speed(arguments: argparse.Namespace) -> int:
    from restoration.bench.report import speed_to_json
    from restoration.bench.speed import measure_speed

    lines = []
    for line in measure_speed(only=arguments.only, repeats=arguments.repeats, device=arguments.device):
        lines.append(line)
        print(
            f"{line.what}: {line.ours:.3g} {line.unit}, {line.baseline_name}: {line.baseline:.3g} {line.unit}, "
            f"ratio {line.ratio:.2f} ({line.goal})",
            file=sys.stderr,
        )
    _hand_out(speed_to_json(lines, repeats=arguments.repeats), arguments)
    return 0


def _noise_match(arguments: argparse.Namespace) -> int:
    from restoration.bench.noise_match import compare, draw, pairs_in, summary, to_text

    found = compare(pairs_in(arguments.folder), draws=arguments.draws, seed=arguments.seed)
    print(to_text(found))
    if arguments.json is not None:
        _write(summary(found), arguments.json)
    if arguments.output is not None:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(draw(found), encoding="utf-8")
    return 0


def _plot(arguments: argparse.Namespace) -> int:
    from restoration.bench.plot import draw_quality_against_speed

    result = _read(arguments.result)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(draw_quality_against_speed(result, metric=arguments.metric), encoding="utf-8")
    return 0


def _hand_out(result: Mapping[str, Any], arguments: argparse.Namespace) -> None:
    """Print a result, and write it where it was asked for."""
    from restoration.bench.report import to_markdown, with_others

    print(to_markdown(result))
    if arguments.json is None:
        return
    if arguments.keep_others and arguments.json.exists():
        result = with_others(result, _read(arguments.json))
    _write(result, arguments.json)


def _read(file: Path) -> dict[str, Any]:
    """Read what `_write` wrote.

    Raises:
        InvalidRequest: it is absent or something else.
    """
    try:
        result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{file} is no result of a benchmark; name a file of --json.") from error
    return result


def _write(result: Mapping[str, Any], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _report(arguments: argparse.Namespace) -> int:
    from restoration.bench.report import refresh

    readme = _PROJECT / "README.md"
    text = refresh(readme.read_text(encoding="utf-8"), _PROJECT / "assets" / "benchmarks")
    if arguments.write:
        readme.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0
