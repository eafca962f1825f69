"""What the Records tab reads and writes."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import gradio as gr
import pytest

from restoration.service.door import Service
from restoration.service.records import Records
from restoration.ui import records as tab
from tests.service.test_records import ROW


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service that has run six times, where the tab shows two runs and exports three."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "files"))
    monkeypatch.setattr(tab, "_MAX_ROWS", 2)
    monkeypatch.setattr(tab, "_MAX_EXPORTED_ROWS", 3)
    path = tmp_path / "records.sqlite3"
    for width in range(640, 646):
        Records(path).add(dataclasses.replace(ROW, width=width))
    return Service(records_path=path)


def test_look_at_the_tab_shows_the_newest_runs_and_writes_nothing(service: Service, tmp_path: Path) -> None:
    note, plot, rows, export = tab.show(service)
    assert note == ""
    assert [row[3] for row in rows] == ["645 × 480", "644 × 480"]
    assert len(plot["value"]) == 2
    assert export["interactive"]
    assert not (tmp_path / "files").exists()


def test_export_holds_the_newest_runs_oldest_first(service: Service) -> None:
    with Path(tab.export_file(service)).open(encoding="utf-8", newline="") as file:
        assert [row["width"] for row in csv.DictReader(file)] == ["643", "644", "645"]


def test_record_that_cannot_be_read_is_not_called_empty(tmp_path: Path) -> None:
    (tmp_path / "records.sqlite3").write_bytes(b"this is no database" * 100)
    service = Service(records_path=tmp_path / "records.sqlite3", device="cpu")
    note, *_ = tab.show(service)
    assert "cannot be read" in note
    assert tab.text.NO_RUNS not in note
    with pytest.raises(gr.Error, match="cannot be read"):
        tab.export_file(service)
