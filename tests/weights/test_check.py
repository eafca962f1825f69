"""What the Hub says of the manifest's rows, through the real huggingface_hub client, against a loopback server."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from restoration.catalogue.manifest import load_manifest
from restoration.cli import weights as weights_command
from restoration.cli.main import main
from restoration.errors import WeightsUnavailable
from restoration.types import ModelInfo, WeightFile
from restoration.weights.hub.check import CheckedFile, check
from tests.weights.hub_server import COMMIT, Hub, run_hub

CONTENT = bytes(range(256))
FILE = WeightFile(
    role="net",
    repo_id="someone/some-model",
    filename="net.pth",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    size_bytes=len(CONTENT),
    licence="MIT",
)
INFO = dataclasses.replace(load_manifest()[0], id="some-model", files=(FILE,))

pytestmark = pytest.mark.hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub on this machine that holds the file."""
    with run_hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        server.files["someone/some-model", "net.pth"] = CONTENT
        server.licences["someone/some-model"] = "mit"
        yield server


def _row(**changed: object) -> CheckedFile:
    (row,) = check([(INFO, dataclasses.replace(FILE, **changed))])  # type: ignore[arg-type]
    return row


def test_row_that_the_hub_confirms_is_right(hub: Hub) -> None:
    row = _row()
    assert (row.verdict, row.problems, row.notes) == ("right", (), ())
    assert (row.commit, row.size_bytes, row.sha256, row.licence) == (COMMIT, FILE.size_bytes, FILE.sha256, "mit")
    assert hub.downloads() == 0


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"repo_id": "someone/else"}, "no longer on the Hub"),
        ({"filename": "other.pth"}, "no such file"),
        ({"size_bytes": 255}, "has 256 bytes, in the manifest 255"),
        ({"sha256": "0" * 64}, "in the manifest 000000"),
        ({"licence": "Apache-2.0"}, "licence is mit, the manifest's Apache-2.0"),
    ],
)
def test_row_that_the_hub_contradicts_is_wrong(hub: Hub, changed: dict[str, object], words: str) -> None:
    row = _row(**changed)
    assert row.verdict == "WRONG"
    assert words in " ".join(row.problems)


def test_row_without_a_hash_gets_to_know_it(hub: Hub) -> None:
    row = _row(sha256=None, size_bytes=None)
    assert (row.verdict, row.sha256, row.size_bytes) == ("unpinned", FILE.sha256, FILE.size_bytes)


def test_repository_without_a_licence_is_noted(hub: Hub) -> None:
    del hub.licences["someone/some-model"]
    row = _row()
    assert row.verdict == "right"
    assert row.notes == ("the repository states no licence, the manifest MIT",)


def test_space_is_asked_for_as_a_space(hub: Hub) -> None:
    hub.files["spaces/someone/app", "net.pth"] = CONTENT
    hub.licences["spaces/someone/app"] = "mit"
    assert _row(repo_id="someone/app", repo_type="space").verdict == "right"


def test_repository_of_several_files_is_asked_once(hub: Hub) -> None:
    built_in = WeightFile("net", path="net.safetensors")
    rows = check([(INFO, FILE), (INFO, built_in), (INFO, dataclasses.replace(FILE, role="wdn"))])
    assert [row.role for row in rows] == ["net", "wdn"]
    assert len(hub.requests) == 1


def test_hub_that_cannot_be_reached_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(WeightsUnavailable, match="Hub cannot be reached"):
        _row()


def test_command_prints_a_table_and_writes_json(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other: ModelInfo = dataclasses.replace(INFO, id="other", files=(dataclasses.replace(FILE, size_bytes=1),))
    monkeypatch.setattr(weights_command, "load_manifest", lambda: (INFO,))
    assert main(["weights", "check"]) == 0
    monkeypatch.setattr(weights_command, "load_manifest", lambda: (INFO, other))
    assert main(["weights", "check", "--json", str(tmp_path / "rows.json")]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.split()[:3] == ["other", "net.pth", "WRONG"]
    told = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    assert told["hub"] == hub.url
    assert [(row["model"], row["verdict"]) for row in told["files"]] == [("some-model", "right"), ("other", "WRONG")]
