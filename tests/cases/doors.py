"""The three doors through which a person brings a file: Python (the service), the command line and the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from restoration.cli.main import main
from restoration.errors import RestorationError
from restoration.service.door import Service
from restoration.types import Done, RestoreRequest, Task
from tests.ui.serving import serve

_SUFFIXES = {"PNG": ".png", "TIFF": ".tif", "WEBP": ".webp", "JPEG": ".jpg"}


@dataclass(frozen=True)
class Brought:
    """What came back: a file and what was said of it, or a refusal."""

    path: Path | None
    said: str

    @property
    def content(self) -> bytes:
        assert self.path is not None, self.said
        return self.path.read_bytes()


Door = Callable[..., Brought]
"""(path, *, output="PNG", task="denoise", model="median", mask=None, fit=False) -> Brought"""


def ways(rows: Sequence[Any], *, few: Sequence[Any]) -> list[Any]:
    """Return parameters for `door` and others: all rows through the service, a few through the other doors as well."""
    doors = [("service", rows), ("cli", few), ("api", few)]
    return [(door, *(row if isinstance(row, tuple) else (row,))) for door, each in doors for row in each]


@pytest.fixture(scope="session")
def case_service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    return Service(records_path=tmp_path_factory.mktemp("records") / "records.sqlite3", device="cpu")


@pytest.fixture(scope="session")
def case_client(case_service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serve(case_service, files=tmp_path_factory.mktemp("files")) as url:
        connection = Client(url, verbose=False, download_files=tmp_path_factory.mktemp("downloads"))
        yield connection
        connection.close()


@pytest.fixture(params=["service", "cli", "api"])
def door(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Door:
    """Each of the doors in turn."""

    def by_service(
        path: Path,
        *,
        output: str = "PNG",
        task: str = "denoise",
        model: str = "median",
        mask: Path | None = None,
        fit: bool = False,
    ) -> Brought:
        service: Service = request.getfixturevalue("case_service")
        try:
            asked = RestoreRequest(image=path, task=Task(task), model=model, mask=mask, fit=fit)
            done = list(service.restore(asked))[-1]
        except RestorationError as error:
            return Brought(None, str(error))
        assert isinstance(done, Done)
        return Brought(done.result.save(tmp_path / f"service{_SUFFIXES[output]}"), " ".join(done.result.notes))

    def by_cli(
        path: Path,
        *,
        output: str = "PNG",
        task: str = "denoise",
        model: str = "median",
        mask: Path | None = None,
        fit: bool = False,
    ) -> Brought:
        written = tmp_path / f"cli{_SUFFIXES[output]}"
        arguments = ["restore", str(path), "-o", str(written), "--task", task, "--model", model]
        arguments += (["--mask", str(mask)] if mask else []) + (["--fit"] if fit else [])
        code = main(arguments)
        return Brought(written if code == 0 else None, capsys.readouterr().err)

    def by_api(
        path: Path,
        *,
        output: str = "PNG",
        task: str = "denoise",
        model: str = "median",
        mask: Path | None = None,
        fit: bool = False,
    ) -> Brought:
        client: Client = request.getfixturevalue("case_client")
        more = {"mask": handle_file(mask)} if mask else {"task": task}
        name = "/inpaint" if mask else "/denoise"
        try:
            file, facts = client.predict(
                image=handle_file(path), model=model, format=output, fit=fit, api_name=name, **more
            )
        except AppError as error:
            return Brought(None, str(error))
        return Brought(Path(file), " ".join(facts["notes"]))

    return {"service": by_service, "cli": by_cli, "api": by_api}[request.param]
