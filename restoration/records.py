"""The performance record: one SQLite row per run, without pictures and without names."""

from __future__ import annotations

import csv
import dataclasses
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from restoration.home import home_folder
from restoration.types import RunRecord

_COLUMNS = tuple(field.name for field in dataclasses.fields(RunRecord))
_CREATE = """
CREATE TABLE IF NOT EXISTS runs (
    started_at TEXT NOT NULL, task TEXT NOT NULL, model TEXT NOT NULL, weights TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL, device TEXT NOT NULL, dtype TEXT NOT NULL,
    queue_s REAL NOT NULL, run_s REAL NOT NULL, peak_bytes INTEGER, outcome TEXT NOT NULL
)
"""


def default_path() -> Path:
    """Return where the record lies."""
    return home_folder() / "records.sqlite3"


class Records:
    """Append and read rows. Any number of threads and processes may use one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=10)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")  # a row lost with the power is no loss
            connection.execute(_CREATE)
            with connection:
                yield connection

    def add(self, record: RunRecord) -> None:
        """Append one row.

        Raises:
            sqlite3.Error, OSError: the file cannot be written.
        """
        marks = ", ".join("?" * len(_COLUMNS))
        with self._open() as connection:
            connection.execute(
                f"INSERT INTO runs ({', '.join(_COLUMNS)}) VALUES ({marks})",  # noqa: S608 - constants of this file
                dataclasses.astuple(record),
            )

    def newest(self, *, limit: int) -> list[RunRecord]:
        """Return up to `limit` rows, newest first."""
        if not self.path.exists():
            return []
        with self._open() as connection:
            rows = connection.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM runs ORDER BY rowid DESC LIMIT ?",  # noqa: S608
                (limit,),
            ).fetchall()
        return [RunRecord(*row) for row in rows]

    def to_csv(self) -> str:
        """Return all rows, oldest first, as CSV text with a header line."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(dataclasses.astuple(record) for record in reversed(self.newest(limit=-1)))
        return text.getvalue()
