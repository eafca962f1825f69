"""The folders of shipped files and of user data."""

from __future__ import annotations

import os
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent


def weights_folder() -> Path:
    """Return the folder of the manifest and the built-in weights."""
    return _ROOT / "weights"


def assets_folder() -> Path:
    """Return the folder of the page's style and script, the examples and the benchmarks."""
    return _ROOT / "assets"


def home_folder() -> Path:
    """Return the folder for the performance record and the pins: `RESTORATION_HOME`, else the user's data folder."""
    home = os.environ.get("RESTORATION_HOME")
    return Path(home) if home else Path.home() / ".local" / "share" / "restoration"
