"""Fixtures that several tests share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of test sets and published weights; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("RESTORATION_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("needs the folder of test sets and published weights; set RESTORATION_DATA to it")
    return folder


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the performance record of tests out of the user's own."""
    monkeypatch.setenv("RESTORATION_HOME", str(tmp_path_factory.getbasetemp() / "home"))
