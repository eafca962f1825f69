"""Fixtures that several tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]

if "PYTEST_XDIST_WORKER" in os.environ:  # read when OpenCV is imported
    os.environ["OPENCV_FOR_THREADS_NUM"] = "1"


@pytest.fixture(scope="session", autouse=True)
def _one_core_for_each_worker() -> Iterator[None]:
    """Keep torch to one thread where tests run side by side (`make test`): a service would take all cores."""
    with pytest.MonkeyPatch.context() as patch:
        if "PYTEST_XDIST_WORKER" in os.environ:
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
