"""The folders of shipped files and of user data."""

from __future__ import annotations

import os
from pathlib import Path

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
    """Return the folder for the performance record and the pins: `RESTORATION_HOME`, else the user's data folder."""
    home = os.environ.get("RESTORATION_HOME")
    return Path(home) if home else Path.home() / ".local" / "share" / "restoration"
