from __future__ import annotations

import io
import socket
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image

import app
from restoration.errors import InvalidRequest
from restoration.service.door import Service
from restoration.service.uploads import Uploads
from restoration.ui import previews
from restoration.ui.demo import build_demo
from restoration.ui.launch import check_port, launch


def test_nothing_lies_between_the_tabs(service: Service) -> None:
    demo = build_demo(service)
    (tabs,) = (block for block in demo.blocks.values() if isinstance(block, gr.Tabs))
    assert {type(child) for child in tabs.children} == {gr.Tab}
    demo.close(verbose=False)


def test_a_device_that_is_not_there_ends_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["app.py", "--device", "toaster"])
    with pytest.raises(SystemExit, match="2"):
        app.main()
    assert 'Device "toaster" is unknown' in capsys.readouterr().err


def test_a_busy_port_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr("sys.argv", ["app.py", "--port", str(port)])
        with pytest.raises(SystemExit, match="2"):
            app.main()
    said = capsys.readouterr().err
    assert said == f"error: Port {port} is in use; name another one with --port, or leave --port out for a free one.\n"


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"192\.0\.2\.1 is no address of this machine"):  # of RFC 5737, nobody's
        check_port("192.0.2.1", 7860)


def test_no_free_port_is_told_where_only_the_server_finds_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def launched(**_: object) -> None:
        raise OSError("Cannot find empty port in range: 7860-7959.")

    with gr.Blocks() as page:
        pass
    monkeypatch.setattr(page, "launch", launched)
    with pytest.raises(InvalidRequest, match="None of the usual ports is free"):
        launch(page, host=None, port=None, share=False, open_browser=False)


def test_pictures_that_have_to_be_shrunk_are_shown_and_measured(tmp_path: Path) -> None:
    path = tmp_path / "huge.tiff"
    Image.new("L", (5200, 5200), 90).save(path)
    assert path.stat().st_size > 25_000_000
    uploads = Uploads()
    content = previews.browser_preview(uploads, str(path))
    assert content is not None
    assert max(Image.open(io.BytesIO(content)).size) == 2048
    assert Image.open(io.BytesIO(previews.small_original(uploads, str(path), size=(100, 100)))).size == (100, 100)


def test_cancelled_run_writes_no_files(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "files"))
    Image.new("RGB", (40, 40), "gray").save(tmp_path / "photo.png")
    functions = build_demo(service).fns.values()
    run, stop = (
        next(each for each in functions if each.name == name and each.outputs[-1].elem_id == "denoise-take")
        for name in ("run", "stop")
    )
    values: list[Any] = [getattr(component, "value", None) for component in run.inputs]
    values[:2] = ["ticket", str(tmp_path / "photo.png")]
    before = set((tmp_path / "files").rglob("*"))  # the examples
    steps = run.fn(*values)
    next(steps)
    stop.fn("ticket", None)
    *_, last = steps
    assert "Cancelled" in last[1]
    assert set((tmp_path / "files").rglob("*")) == before
