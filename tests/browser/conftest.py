"""One browser for all tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request

from restoration.service.door import Service
from tests.browser import chromium
from tests.ui.serving import serve


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Yield a service; closed at the end, so that no thread computes while Python ends, which would abort it."""
    with closing(Service(records_path=tmp_path_factory.mktemp("records") / "records.sqlite3", device="cpu")) as opened:
        yield opened


@pytest.fixture(scope="session")
def url(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(service, files=tmp_path_factory.mktemp("files")) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if chromium.executable() is None:
        pytest.skip("no Chromium on this machine; install the package chromium, or set CHROMIUM")
    with chromium.launch() as started:
        yield started


@pytest.fixture
def hosts() -> set[str]:
    """The hosts that the page under test has asked for anything."""
    return set()


@pytest.fixture(params=[(1280, 900)], ids=["wide"])
def page(browser: Browser, hosts: set[str], request: pytest.FixtureRequest) -> Iterator[Page]:
    width, height = request.param
    opened = browser.new_page(viewport={"width": width, "height": height})
    problems: list[str] = []
    opened.on("request", lambda sent: _note_host(sent, hosts))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    yield opened
    opened.close()
    assert problems == []


def _note_host(sent: Request, hosts: set[str]) -> None:
    host = urlsplit(sent.url).hostname
    if host is not None:
        hosts.add(host)


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder
