"""Addresses are refused wherever a client may send one, and nothing is fetched."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import safehttpx
from gradio import processing_utils
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from restoration.ui import text
from restoration.ui.url_guard import refuse_urls

ADDRESS = "http://example.org/picture.png"
DRESSED = {"path": ADDRESS, "meta": {"_type": "gradio.FileData"}}
FIRST_WORDS = "Pictures are not fetched from the web"


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses and hosts that the server has tried."""
    tried: list[str] = []

    async def fetch(address: str, *_: Any, **__: Any) -> None:
        tried.append(address)
        raise OSError("no network")

    monkeypatch.setattr(safehttpx, "get", fetch)
    monkeypatch.setattr(safehttpx, "async_validate_url", fetch)
    return tried


@pytest.mark.parametrize("endpoint", ["low_light", "denoise", "super_resolution"])
def test_address_dressed_as_an_upload_is_refused(url: str, endpoint: str, fetched: list[str]) -> None:
    events = httpx.get(f"{url}config").json()["dependencies"]
    (count,) = (len(each["inputs"]) for each in events if each["api_name"] == endpoint)
    data = [DRESSED] + [None] * (count - 1)
    call = httpx.post(f"{url}gradio_api/call/{endpoint}", json={"data": data})
    stream = httpx.get(f"{url}gradio_api/call/{endpoint}/{call.json()['event_id']}")
    assert FIRST_WORDS in stream.text
    assert "event: complete" not in stream.text
    assert fetched == []


def test_address_sent_to_an_event_of_the_page_is_refused(url: str, fetched: list[str]) -> None:
    page = httpx.get(f"{url}config").json()
    uploads = {each["id"] for each in page["components"] if each["props"].get("elem_id") == "denoise-picture"}
    event = next(each for each in page["dependencies"] if set(each["inputs"]) == uploads)
    body = {"data": [DRESSED], "fn_index": event["id"], "session_hash": "visitor"}
    httpx.post(f"{url}gradio_api/queue/join", json=body).raise_for_status()
    stream = httpx.get(f"{url}gradio_api/queue/data", params={"session_hash": "visitor"})
    assert FIRST_WORDS in stream.text
    assert fetched == []


def test_client_that_passes_an_address_on_is_told_what_to_do(client: Client, fetched: list[str]) -> None:
    with pytest.raises(AppError, match=text.NO_URLS):
        client.predict(image=handle_file(ADDRESS), api_name="/denoise")
    assert fetched == []


def test_server_is_no_proxy(url: str, fetched: list[str]) -> None:
    answer = httpx.get(f"{url}gradio_api/file={ADDRESS}")
    assert answer.status_code == 403
    assert FIRST_WORDS in answer.text
    assert fetched == []


def test_gradio_that_fetches_in_another_way_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(processing_utils, "async_ssrf_protected_download")
    with pytest.raises(RuntimeError, match="async_ssrf_protected_download"):
        refuse_urls()
