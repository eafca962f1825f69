"""Where this application finds what ships with it, and keeps what it must remember."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_path

_ROOT = Path(__file__).resolve().parent.parent


def weights_folder() -> Path:
    """Return the folder of the manifest and the built-in weights."""
    return _ROOT / "weights"


def assets_folder() -> Path:
    """Return the folder of the page's style and script, the examples and the benchmarks."""
    return _ROOT / "assets"


def home_folder() -> Path:
    """Return the folder for the performance record, the pins and the user's own models.

    `RESTORATION_HOME`, else `~/.local/share/restoration` where earlier versions made it on every system, else the
    system's folder for the data of applications.
    """
    home = os.environ.get("RESTORATION_HOME")
    if home:
        return Path(home)
    earlier = Path.home() / ".local" / "share" / "restoration"
    return earlier if earlier.is_dir() else user_data_path("restoration", appauthor=False)
