"""Fixtures that several tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]

os.environ["OPENCV_FOR_THREADS_NUM"] = "1"  # read when it is imported


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Keep torch to one thread; a service would take all cores.

    Where other processes want the cores, the threads of one small operation wait for each other in a busy loop: an
    estimate of a kernel took 49 s of the processor instead of 1 s.
    """
    with pytest.MonkeyPatch.context() as patch:
        torch.set_num_threads(1)
        patch.setattr(torch, "set_num_threads", lambda _: None)
        yield


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
