"""Running a command: exit code 2 for usage, 1 for failure, 130 for an interruption; one line on stderr says why."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from restoration.errors import InvalidRequest, RestorationError

_USAGE, _FAILURE = 2, 1
INTERRUPTED, _CLOSED_PIPE = 130, 141  # as shells report programs that SIGINT and SIGPIPE ended


def run(command: click.Command, argv: Sequence[str] | None, *, prog_name: str, obj: object = None) -> int:
    """Run a command and return its exit code.

    Args:
        argv: None means the arguments of the process.
        prog_name: how the help calls the program.
        obj: handed to the command as `click.Context.obj`.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        # not click's own main(): it also takes an EOFError of ours for an interruption
        with command.make_context(prog_name, arguments, obj=obj) as ctx:
            code: int | None = command.invoke(ctx)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return _USAGE
    except click.ClickException as error:
        return _fail(_one_line(error), code=_USAGE)
    except InvalidRequest as error:
        return _fail(str(error), code=_USAGE)
    except RestorationError as error:
        return _fail(str(error), code=_FAILURE)
    except (KeyboardInterrupt, click.Abort):
        print("cancelled", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read the output has seen enough, as in `restoration models | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at exit
        return _CLOSED_PIPE
    return code or 0


def _fail(message: str, *, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code


def _one_line(error: click.ClickException) -> str:
    message = " ".join(error.format_message().split())
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    return message if ctx is None else f'{message} See "{ctx.command_path} --help".'
