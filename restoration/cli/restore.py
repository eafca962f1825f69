"""`restoration restore`: one picture in, one out; every parameter of a model is an option."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

import click

from restoration.catalogue.parameters import fits
from restoration.cli.tasks import task_option
from restoration.errors import InvalidRequest
from restoration.images import format_of, write_kernel
from restoration.service.door import Service
from restoration.types import (
    Done,
    ModelStatus,
    Parameters,
    ParamValue,
    Progress,
    Queued,
    RestoreRequest,
    RestoreResult,
    Task,
    as_mapping,
)

_MAX_MODELS_IN_HELP = 4
_PREFIX = "param_"
_OPTIONS_KEY = "restoration.cli.restore"


class _RestoreCommand(click.Command):
    """A command that also has the parameters of all models as options, and hands them over as `parameters`."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the declared parameters and one option for each parameter of a model."""
        if _OPTIONS_KEY not in ctx.meta:
            ctx.meta[_OPTIONS_KEY] = _model_options(Service().list_models())
        return [*super().get_params(ctx), *ctx.meta[_OPTIONS_KEY]]

    def invoke(self, ctx: click.Context) -> object:
        """Collect the options of models into one argument."""
        given = {name: ctx.params.pop(name) for name in list(ctx.params) if name.startswith(_PREFIX)}
        ctx.params["parameters"] = {
            name.removeprefix(_PREFIX): _value(text) for name, text in given.items() if text is not None
        }
        return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of the command, then those of the models."""
        of_models: list[click.Parameter] = ctx.meta[_OPTIONS_KEY]
        own = [each for each in self.get_params(ctx) if isinstance(each, click.Option) and each not in of_models]
        for title, params in (("Options", own), ("Parameters of the models", of_models)):
            with formatter.section(title):
                formatter.write_dl([record for param in params if (record := param.get_help_record(ctx)) is not None])


def _model_options(statuses: Sequence[ModelStatus]) -> list[click.Option]:
    users: dict[str, list[str]] = {}
    helps: dict[str, str] = {}
    for status in statuses:
        for param in status.info.params:
            users.setdefault(param.name, []).append(status.info.id)
            helps.setdefault(param.name, param.help or param.label)
    options = []
    for name, models in users.items():
        shown = ", ".join(models[:_MAX_MODELS_IN_HELP]) + (", ..." if len(models) > _MAX_MODELS_IN_HELP else "")
        declarations = [f"--{name.replace('_', '-')}", f"{_PREFIX}{name}"]
        options.append(click.Option(declarations, metavar="VALUE", help=f"{helps[name]} ({shown})"))
    return options


def _value(text: str) -> ParamValue:
    """Return a number or a truth value where the text is one, else the text; the service checks it."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


@click.command("restore", cls=_RestoreCommand)
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="the file to write; its ending decides the format",
)
@task_option("what to do with the picture", required=True)
@click.option("--model", help="a model of the task (see the command `models`); default: the first that is available")
@click.option(
    "--mask",
    type=click.Path(path_type=Path),
    help="inpaint: a picture as large as the input, white where it is to be filled",
)
@click.option(
    "--feather", type=int, default=0, metavar="PX", help="inpaint: blend the original into the fill over this width"
)
@click.option(
    "--kernel", type=click.Path(path_type=Path), help="deblur: a picture of the blur kernel, instead of its parameters"
)
@click.option(
    "--save-kernel", type=click.Path(path_type=Path), metavar="FILE", help="deblur: also write a picture of the kernel"
)
@click.option("--fit", is_flag=True, help="shrink a picture above the model's limit instead of refusing it")
@click.option("--precision", type=click.Choice(["auto", "exact"]), default="auto", help="exact computes in float32")
@click.option("--tile", type=int, metavar="PX", help="side of a tile; default: chosen by memory")
@click.option("--keep-gps", is_flag=True, help="keep the place where the picture was taken")
@click.option("--device", help="cpu, cuda, cuda:1 or mps; default: the best present")
def command(
    *,
    source: Path,
    output: Path,
    task: Task,
    model: str | None,
    mask: Path | None,
    feather: int,
    kernel: Path | None,
    save_kernel: Path | None,
    fit: bool,
    precision: Literal["auto", "exact"],
    tile: int | None,
    keep_gps: bool,
    device: str | None,
    parameters: Mapping[str, ParamValue],
) -> None:
    """Restore the picture INPUT and print the name of the file written."""
    for file in filter(None, (output, save_kernel)):
        format_of(file)  # an ending that cannot be written is refused before the work, not after it
        if not file.absolute().parent.is_dir():
            raise InvalidRequest(f'The folder "{file.parent}" does not exist; make it first.')
    service, told = Service(device=device), as_mapping(parameters)
    if feather and task is not Task.INPAINT:
        raise InvalidRequest(f'A feather is only for inpainting, but the task is "{task}"; leave --feather out.')
    if save_kernel is not None:
        model = _model_with_kernel(service.list_models(task), model, told)
    request = RestoreRequest(
        image=source,
        task=task,
        model=model,
        parameters=told,
        mask=mask,
        feather_px=feather,
        kernel=kernel,
        fit=fit,
        precision=precision,
        tile_px=tile,
        keep_gps=keep_gps,
        file_format=format_of(output),
    )
    result = _wait(service, request)
    result.save(output)
    if save_kernel is not None and result.kernel is not None:
        write_kernel(result.kernel, save_kernel)
    print(output)
    _tell(result)


def _tell(result: RestoreResult) -> None:
    for note in result.notes:
        print(note, file=sys.stderr)
    stats = result.stats
    print(
        f"{result.model.title}: {result.original.size_text} -> {result.picture.size_text}, "
        f"{stats.run_s:.2f} s on {stats.device} ({stats.dtype})",
        file=sys.stderr,
    )


def _model_with_kernel(statuses: Sequence[ModelStatus], name: str | None, parameters: Parameters) -> str:
    """Return the model to run where its kernel is to be saved: the one named, else the first that has a kernel.

    Args:
        statuses: the models of the task.

    Raises:
        InvalidRequest: it has none.
    """
    if name is not None:
        named = next((entry.info for entry in statuses if entry.info.id == name), None)
        if named is not None and not named.takes_kernel:  # one that does not exist is the service's matter
            raise InvalidRequest(f"{named.title} has no blur kernel; leave --save-kernel out.")
        return name
    able = [entry for entry in statuses if entry.info.takes_kernel]
    if not able:
        raise InvalidRequest("No model of this task has a blur kernel; leave --save-kernel out.")
    fit = [entry for entry in able if entry.is_available and fits(entry.info, parameters)]
    return (fit or able)[0].info.id


def _wait(service: Service, request: RestoreRequest) -> RestoreResult:
    """Carry out a request, showing its progress on a terminal."""
    is_shown = sys.stderr.isatty()
    with closing(service.restore(request)) as events:
        for event in events:
            if isinstance(event, Done):
                if is_shown:
                    print("\r\x1b[K", end="", file=sys.stderr)
                return event.result
            if is_shown:
                print(f"\r\x1b[K{_describe(event)}", end="", file=sys.stderr, flush=True)
    raise AssertionError("the service ended without a result")


def _describe(event: Queued | Progress) -> str:
    if isinstance(event, Queued):
        return f"waiting for {event.ahead} other pictures"
    eta = "" if event.eta_s is None else f", about {event.eta_s:.0f} s left"
    done = f": {event.fraction:.0%}" if event.fraction else ""
    return f"{event.message}{done}{eta}"
