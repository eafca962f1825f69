from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from restoration.folders import home_folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("RESTORATION_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


def test_variable_names_the_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTORATION_HOME", str(home / "mine"))
    assert home_folder() == home / "mine"


def test_folder_is_the_one_of_the_system(home: Path) -> None:
    assert home_folder() == Path(platformdirs.user_data_dir("restoration", appauthor=False))


def test_folder_of_earlier_versions_stays_in_use(home: Path) -> None:
    earlier = home / ".local" / "share" / "restoration"
    earlier.mkdir(parents=True)
    assert home_folder() == earlier
