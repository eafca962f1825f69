"""The web page. `python app.py` starts it; importing this file only builds it."""

from __future__ import annotations

import sys

from restoration.cli.program import run
from restoration.cli.serve import command
from restoration.ui.demo import build_demo
from restoration.ui.launch import launch_settings

__all__ = ["demo", "launch_settings", "main"]

demo = build_demo()


def main() -> None:
    """Serve the page until interrupted; the flags are those of `restoration serve`."""
    sys.exit(run(command, None, prog_name="python app.py", obj=demo))


if __name__ == "__main__":
    main()
