"""The performance record: one SQLite row per run, without pictures and without names."""

from __future__ import annotations

import csv
import dataclasses
import io
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from restoration.folders import home_folder
from restoration.types import RunRecord

MAX_ROWS = 100_000
"""The oldest rows beyond this many are forgotten."""
_COLUMNS = tuple(field.name for field in dataclasses.fields(RunRecord))
_MIGRATIONS = (
    # 0 -> 1: the table of the first version, which wrote no number into its files
    """
CREATE TABLE IF NOT EXISTS runs (
    started_at TEXT NOT NULL, task TEXT NOT NULL, model TEXT NOT NULL, weights TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL, device TEXT NOT NULL, dtype TEXT NOT NULL,
    queue_s REAL NOT NULL, run_s REAL NOT NULL, peak_bytes INTEGER, outcome TEXT NOT NULL
)
""",
)
"""Each brings the file from one schema version, `PRAGMA user_version`, to the next; they are only ever added to."""


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
            _migrate(connection)
            with connection:
                yield connection

    def add(self, record: RunRecord) -> None:
        """Append one row, and drop the oldest beyond `MAX_ROWS`.

        Raises:
            sqlite3.Error, OSError: the file cannot be written.
        """
        marks = ", ".join("?" * len(_COLUMNS))
        with self._open() as connection:
            connection.execute(
                f"INSERT INTO runs ({', '.join(_COLUMNS)}) VALUES ({marks})",  # noqa: S608 - constants of this file
                dataclasses.astuple(record),
            )
            connection.execute("DELETE FROM runs WHERE rowid <= last_insert_rowid() - ?", (MAX_ROWS,))

    def newest(self, *, limit: int) -> list[RunRecord]:
        """Return up to `limit` rows, newest first."""
        return [RunRecord(*row) for row in self._rows(limit=limit)]

    def to_csv(self) -> str:
        """Return all rows, oldest first, as CSV text with a header line."""
        return _csv(reversed(self._rows(limit=-1)))

    def _rows(self, *, limit: int) -> list[tuple[Any, ...]]:
        """Return up to `limit` rows as they are stored, newest first; -1 for all."""
        if not self.path.exists():
            return []
        with self._open() as connection:
            return connection.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM runs ORDER BY rowid DESC LIMIT ?",  # noqa: S608
                (limit,),
            ).fetchall()


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring a file to the schema of this version, all steps or none.

    Raises:
        sqlite3.DatabaseError: the file is of a later version.
    """
    newest = len(_MIGRATIONS)
    if _version(connection) == newest:
        return
    connection.execute("BEGIN IMMEDIATE")  # of several processes, one migrates
    with connection:
        version = _version(connection)
        if version > newest:
            raise sqlite3.DatabaseError(f"it has schema version {version}, and this program knows up to {newest}")
        for step in _MIGRATIONS[version:]:
            connection.execute(step)
        connection.execute(f"PRAGMA user_version = {newest}")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def as_csv(records: Iterable[RunRecord]) -> str:
    """Return rows as CSV text with a header line."""
    return _csv(tuple(getattr(record, name) for name in _COLUMNS) for record in records)


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(rows)
    return text.getvalue()
