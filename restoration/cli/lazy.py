"""A group of commands whose files are imported only when one of them is called."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import click


class LazyGroup(click.Group):
    """A group that knows its commands by the module of each, which defines `command`, and by a line of help.

    Args:
        modules: by the name of the command, in the order of the help: its module and what it does.
        aliases: earlier names of commands; they work and are not shown.
    """

    def __init__(
        self,
        name: str | None,
        *,
        help: str,  # noqa: A002 - click's own name for it
        modules: Mapping[str, tuple[str, str]],
        aliases: Mapping[str, str] | None = None,
        params: list[click.Parameter] | None = None,
        context_settings: dict[str, object] | None = None,
    ) -> None:
        super().__init__(name, help=help, params=params, context_settings=context_settings)
        self._modules = modules
        self._aliases = aliases or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command by its name or an earlier one; None where there is no such command."""
        name = self._aliases.get(cmd_name, cmd_name)
        if name not in self._modules:
            return None
        command: click.Command = import_module(self._modules[name][0]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was named; click proposes similar names only of those already imported."""
        name = args[0]
        if not name.startswith("-") and name not in (*self._modules, *self._aliases):
            raise click.NoSuchCommand(name, possibilities=self._modules, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one line for each command without importing it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._modules.items()])
