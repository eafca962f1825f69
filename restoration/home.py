"""Where this application keeps what it must remember."""

from __future__ import annotations

import os
from pathlib import Path


def home_folder() -> Path:
    """Return the folder for the performance record and the pins: `RESTORATION_HOME`, else the user's data folder."""
    home = os.environ.get("RESTORATION_HOME")
    return Path(home) if home else Path.home() / ".local" / "share" / "restoration"
