from __future__ import annotations

import csv
import dataclasses
import io
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from restoration.service import records as records_module
from restoration.service.records import Records, as_csv, default_path
from restoration.types import RunRecord

ROW = RunRecord(
    started_at="2026-01-02T03:04:05.678+00:00",
    task="denoise",
    model="adaptive-median",
    weights="",
    width=640,
    height=480,
    device="cpu",
    dtype="float32",
    queue_s=0.01,
    run_s=0.5,
    peak_bytes=None,
    outcome="done",
)


def test_rows_come_back_newest_first(tmp_path: Path) -> None:
    records = Records(tmp_path / "a" / "records.sqlite3")
    rows = [dataclasses.replace(ROW, width=width, peak_bytes=width * 10) for width in (1, 2, 3)]
    for row in rows:
        records.add(row)
    assert records.newest(limit=2) == [rows[2], rows[1]]


def test_no_file_means_no_rows_and_no_file_is_made(tmp_path: Path) -> None:
    records = Records(tmp_path / "records.sqlite3")
    assert records.newest(limit=10) == []
    assert not records.path.exists()


def test_csv_holds_every_row_oldest_first(tmp_path: Path) -> None:
    records = Records(tmp_path / "records.sqlite3")
    for width in range(5):
        records.add(dataclasses.replace(ROW, width=width))
    rows = list(csv.DictReader(io.StringIO(records.to_csv())))
    assert [int(row["width"]) for row in rows] == [0, 1, 2, 3, 4]
    assert rows[0].keys() == {field.name for field in dataclasses.fields(RunRecord)}


def test_csv_of_rows_is_that_of_the_file(tmp_path: Path) -> None:
    records = Records(tmp_path / "records.sqlite3")
    for width in range(5):
        records.add(dataclasses.replace(ROW, width=width, peak_bytes=width or None))
    assert as_csv(reversed(records.newest(limit=-1))) == records.to_csv()
    newest = list(csv.DictReader(io.StringIO(as_csv(records.newest(limit=2)))))
    assert [row["width"] for row in newest] == ["4", "3"]


def test_oldest_rows_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records_module, "MAX_ROWS", 3)
    records = Records(tmp_path / "records.sqlite3")
    for width in range(10):
        records.add(dataclasses.replace(ROW, width=width))
    assert [row.width for row in records.newest(limit=-1)] == [9, 8, 7]


def test_many_threads_lose_no_row(tmp_path: Path) -> None:
    records = Records(tmp_path / "records.sqlite3")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda width: records.add(dataclasses.replace(ROW, width=width)), range(64)))
    assert {row.width for row in records.newest(limit=-1)} == set(range(64))


def test_home_variable_moves_the_record(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("RESTORATION_HOME", str(tmp_path))
    assert default_path() == tmp_path / "records.sqlite3"


OLD_FILE = Path(__file__).parent / "files" / "records-0.1.0.sqlite3"
"""Two runs as version 0.1.0 wrote them, before schemas had numbers."""


def _version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def test_record_of_an_earlier_version_is_read_and_added_to(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite3"
    shutil.copy(OLD_FILE, path)
    assert _version(path) == 0
    records = Records(path)
    assert [row.model for row in records.newest(limit=-1)] == ["telea", "adaptive-median"]
    assert records.newest(limit=-1)[1] == ROW
    records.add(ROW)
    assert len(records.newest(limit=-1)) == 3
    assert _version(path) == 1


def test_later_schema_keeps_all_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "records.sqlite3"
    shutil.copy(OLD_FILE, path)
    steps = (*records_module._MIGRATIONS, "ALTER TABLE runs ADD COLUMN thumbs INTEGER")
    monkeypatch.setattr(records_module, "_MIGRATIONS", steps)
    assert len(Records(path).newest(limit=-1)) == 2
    assert _version(path) == 2


def test_step_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "records.sqlite3"
    shutil.copy(OLD_FILE, path)
    steps = (*records_module._MIGRATIONS, "ALTER TABLE runs ADD COLUMN thumbs INTEGER", "nonsense")
    with monkeypatch.context() as patch:
        patch.setattr(records_module, "_MIGRATIONS", steps)
        with pytest.raises(sqlite3.OperationalError):
            Records(path).newest(limit=-1)
    assert len(Records(path).newest(limit=-1)) == 2
    assert _version(path) == 1


def test_record_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(sqlite3.DatabaseError, match="schema version 99"):
        Records(path).newest(limit=1)
