"""The command line: data to stdout, everything else to stderr; exit code 2 for usage, 1 for failure."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from restoration.catalogue import own_models
from restoration.catalogue.parameters import fits
from restoration.cli.weights import doctor
from restoration.errors import InvalidRequest, RestorationError
from restoration.images import format_of, write_kernel
from restoration.service.door import Service
from restoration.types import (
    Done,
    ModelStatus,
    Param,
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


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    service = Service()
    parser = _parser(service)
    arguments = parser.parse_args(argv)
    try:
        code: int = arguments.command(arguments)
    except InvalidRequest as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except RestorationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cancelled", file=sys.stderr)
        return 130
    return code


def _parser(service: Service) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m restoration", description="Restore photographs.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = commands.add_parser("restore", help="restore one picture")
    names = _add_restore_arguments(command, service.list_models())
    command.set_defaults(command=lambda arguments: _restore(arguments, names))

    command = commands.add_parser("models", help="list the models and whether they can run now")
    command.add_argument("--task", choices=[task.value for task in Task], help="only the models of this task")
    command.set_defaults(command=lambda arguments: _list_models(service, arguments))

    command = commands.add_parser("records", help="print the performance record as CSV")
    command.set_defaults(command=lambda _: _print_records(service))

    command = commands.add_parser("add", help="register a weights file of your own")
    command.add_argument("files", nargs="*", type=Path, help="none: all new files in the folder of own models")
    command.add_argument("--task", choices=[task.value for task in Task], help="what the model is for")
    command.set_defaults(command=_add_own)

    command = commands.add_parser("doctor", help="what works on this machine and what does not")
    command.set_defaults(command=doctor)

    _add_tool(commands, "weights", "get, check and pin the weights of models", "restoration.cli.weights")
    _add_tool(commands, "bench", "measure quality on test sets", "restoration.lab.bench.command")
    _add_tool(commands, "examples", "make the example pictures of the page", "restoration.lab.bench.examples")
    _add_tool(commands, "train", "train a network from a recipe", "restoration.lab.training.train_command")
    _add_tool(
        commands, "teach", "keep a teacher's answers for a recipe", "restoration.lab.training.teacher_cache_command"
    )
    _add_tool(commands, "narrow", "begin a network where its teacher is", "restoration.lab.training.prune_command")
    _add_tool(
        commands,
        "train-noise-level",
        "train the network that measures noise",
        "restoration.lab.training.noise_level_command",
    )
    _add_tool(commands, "export", "turn a training run into a weights file", "restoration.lab.training.export_command")
    return parser


def _add_tool(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, help_text: str, module_name: str
) -> None:
    """Mount a command whose module offers `add_arguments(parser)` and `run(arguments) -> int`."""
    import importlib

    module = importlib.import_module(module_name)
    command = commands.add_parser(name, help=help_text)
    module.add_arguments(command)
    run: Callable[[argparse.Namespace], int] = module.run
    command.set_defaults(command=run)


def _add_restore_arguments(command: argparse.ArgumentParser, statuses: Sequence[ModelStatus]) -> list[str]:
    """Declare the arguments of `restore`; return the names of those that are parameters of models."""
    command.add_argument("input", type=Path, help="the picture")
    command.add_argument(
        "-o", "--output", type=Path, required=True, help="the file to write; its ending decides the format"
    )
    command.add_argument("--task", required=True, choices=[task.value for task in Task])
    command.add_argument(
        "--model", help="a model of the task (see the command `models`); default: the first that is available"
    )
    command.add_argument(
        "--mask", type=Path, help="inpaint: a picture as large as the input, white where it is to be filled"
    )
    command.add_argument(
        "--feather",
        type=int,
        default=0,
        metavar="PX",
        help="inpaint: pass from the original into the fill over so much",
    )
    command.add_argument("--kernel", type=Path, help="deblur: a picture of the blur kernel, instead of its parameters")
    command.add_argument("--save-kernel", type=Path, metavar="FILE", help="deblur: also write a picture of the blur")
    command.add_argument(
        "--fit", action="store_true", help="shrink a picture above the model's limit instead of refusing it"
    )
    command.add_argument("--precision", choices=["auto", "exact"], default="auto", help="exact computes in float32")
    command.add_argument("--tile", type=int, metavar="PX", help="side of a tile; default: chosen by memory")
    command.add_argument("--keep-gps", action="store_true", help="keep the place where the picture was taken")
    command.add_argument("--device", help="cpu, cuda, cuda:1 or mps; default: the best present")
    group = command.add_argument_group("parameters of the models")
    users: dict[str, list[str]] = {}
    helps: dict[str, str] = {}
    for status in statuses:
        for param in status.info.params:
            users.setdefault(param.name, []).append(status.info.id)
            helps.setdefault(param.name, param.help or param.label)
    for name, models in users.items():
        shown = ", ".join(models[:_MAX_MODELS_IN_HELP]) + (", ..." if len(models) > _MAX_MODELS_IN_HELP else "")
        text = f"{helps[name]} ({shown})".replace("%", "%%")
        group.add_argument(f"--{name.replace('_', '-')}", dest=f"param_{name}", metavar="VALUE", type=_value, help=text)
    return list(users)


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


def _restore(arguments: argparse.Namespace, names: Sequence[str]) -> int:
    for file in filter(None, (arguments.output, arguments.save_kernel)):
        format_of(file)  # an ending that cannot be written is refused before the work, not after it
        if not file.absolute().parent.is_dir():
            raise InvalidRequest(f'The folder "{file.parent}" does not exist; make it first.')
    task, service = Task(arguments.task), Service(device=arguments.device)
    if arguments.feather and task is not Task.INPAINT:
        raise InvalidRequest(f'A feather is only for inpainting, but the task is "{task}"; leave --feather out.')
    values = {name: getattr(arguments, f"param_{name}") for name in names}
    parameters = as_mapping({name: value for name, value in values.items() if value is not None})
    model = arguments.model
    if arguments.save_kernel is not None:
        model = _model_with_kernel(service.list_models(task), model, parameters)
    request = RestoreRequest(
        image=arguments.input,
        task=task,
        model=model,
        parameters=parameters,
        mask=arguments.mask,
        feather_px=arguments.feather,
        kernel=arguments.kernel,
        fit=arguments.fit,
        precision=arguments.precision,
        tile_px=arguments.tile,
        keep_gps=arguments.keep_gps,
        file_format=format_of(arguments.output),
    )
    result = _wait(service, request)
    result.save(arguments.output)
    if arguments.save_kernel is not None and result.kernel is not None:
        write_kernel(result.kernel, arguments.save_kernel)
    print(arguments.output)
    for note in result.notes:
        print(note, file=sys.stderr)
    stats = result.stats
    print(
        f"{result.model.title}: {result.original.size_text} -> {result.picture.size_text}, "
        f"{stats.run_s:.2f} s on {stats.device} ({stats.dtype})",
        file=sys.stderr,
    )
    return 0


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


def _list_models(service: Service, arguments: argparse.Namespace) -> int:
    for task in Task if arguments.task is None else (Task(arguments.task),):
        print(task.value)
        for status in service.list_models(task):
            state = "ready" if status.is_available else status.reason
            print(f"  {status.info.id:24} {status.info.title}: {status.info.summary} [{state}]")
            for param in status.info.params:
                flag = f"--{param.name.replace('_', '-')}"
                print(f"      {flag} ({_limits(param)}; default {param.default}) {param.help or param.label}")
    return 0


def _add_own(arguments: argparse.Namespace) -> int:
    tasks = () if arguments.task is None else (Task(arguments.task),)
    refused: list[str] = []
    if arguments.files:
        added = [own_models.add(file, tasks=tasks) for file in arguments.files]
    else:
        added, refused = own_models.scan()
    for info in added:
        print(f"{info.id}: {info.summary} For {', '.join(info.tasks)}.")
    for line in refused:
        print(f"error: {line}", file=sys.stderr)
    return 1 if refused else 0


def _limits(param: Param) -> str:
    if param.kind == "choice":
        return ", ".join(map(str, param.choices))
    return "true, false" if param.kind == "bool" else f"{param.minimum:g} to {param.maximum:g}"


def _print_records(service: Service) -> int:
    print(service.records_csv(), end="")
    return 0
