"""The folders of shipped files and of user data."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_path

_PACKAGE = Path(__file__).resolve().parent


def weights_folder() -> Path:
    """Return the folder of the manifest and the built-in weights."""
    return _data_folder() / "weights"


def assets_folder() -> Path:
    """Return the folder of the page's style and script, the examples and the benchmarks."""
    return _data_folder() / "assets"


def _data_folder() -> Path:
    """Return the folder of what ships beside the code: `_data` in an installed wheel, the checkout itself elsewhere."""
    installed = _PACKAGE / "_data"
    return installed if installed.is_dir() else _PACKAGE.parent


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
