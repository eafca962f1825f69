"""One page on loopback for all tests of the page and its API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from gradio_client import Client

from restoration.service.door import Service
from tests.ui.serving import serve


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    return Service(records_path=tmp_path_factory.mktemp("records") / "records.sqlite3", device="cpu")


@pytest.fixture(scope="session")
def url(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(service, files=tmp_path_factory.mktemp("files")) as address:
        yield address


@pytest.fixture(scope="session")
def client(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    connection = Client(url, verbose=False, download_files=tmp_path_factory.mktemp("downloads"))
    yield connection
    connection.close()
