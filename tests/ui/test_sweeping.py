"""What is deleted from the folder of uploads, and what is not."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

import app
from restoration.service.door import Service
from restoration.ui import sweeping
from restoration.ui.demo import build_demo
from restoration.ui.sweeping import KEEP_FILES_S, SWEEP_EVERY_S, files_of_layout, sweep

HASH = "0123456789abcdef" * 4


def _write(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a picture")
    return path


def _later(path: Path, after_s: float) -> float:
    """Return the time so many seconds after a file was written."""
    status = path.lstat()
    return max(status.st_mtime, status.st_ctime) + after_s


def test_uploads_are_gone_within_the_hour() -> None:
    assert KEEP_FILES_S + SWEEP_EVERY_S < 3600
    assert app.launch_settings()["app_kwargs"]["lifespan"] is sweeping.swept


@pytest.mark.parametrize("name", [f"{HASH}/photo.png", "tmpab12cd_9", f"deep_links/{HASH}/state.json"])
def test_old_files_are_deleted_and_so_are_their_folders(tmp_path: Path, name: str) -> None:
    path = _write(tmp_path, name)
    sweep(tmp_path, now_s=_later(path, KEEP_FILES_S + 60))
    assert list(tmp_path.iterdir()) == []


def test_files_of_a_picture_in_work_stay(tmp_path: Path) -> None:
    path = _write(tmp_path, f"{HASH}/photo.png")
    sweep(tmp_path, now_s=_later(path, KEEP_FILES_S - 60))
    assert path.exists()


def test_copy_of_an_old_file_is_young(tmp_path: Path) -> None:
    path = _write(tmp_path, f"{HASH}/example.png")
    os.utime(path, (0, 0))
    sweep(tmp_path)
    assert path.exists()


def test_files_of_other_programs_stay(tmp_path: Path) -> None:
    paths = [_write(tmp_path, name) for name in ("letter.txt", "papers/letter.txt", f"{HASH[:-1]}/letter.txt")]
    sweep(tmp_path, now_s=_later(paths[-1], 1e9))
    assert all(path.exists() for path in paths)


def test_loose_files_of_the_systems_folder_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping.tempfile, "gettempdir", lambda: str(tmp_path))
    path, upload = _write(tmp_path, "tmpab12cd_9"), _write(tmp_path, f"{HASH}/photo.png")
    sweep(tmp_path, now_s=_later(upload, 1e9))
    assert path.exists()
    assert not upload.exists()


def test_links_are_not_followed(tmp_path: Path) -> None:
    folder, other = tmp_path / "files", tmp_path / "other"
    target = _write(other, f"{HASH}/photo.png")
    (folder / HASH).mkdir(parents=True)
    (folder / HASH / "photo.png").symlink_to(target)
    (folder / "tmpab12cd_9").symlink_to(other)
    sweep(folder, now_s=_later(folder / HASH / "photo.png", 1e9))
    assert target.exists()
    assert list(folder.iterdir()) == []


def test_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    sweep(tmp_path / "none")


def test_what_cannot_be_deleted_does_not_keep_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    paths = [_write(tmp_path, f"{digit * 64}/photo.png") for digit in "ab"]
    unlink = Path.unlink

    def refuse(path: Path) -> None:
        if path == paths[0]:
            raise PermissionError("not yours")
        unlink(path)

    monkeypatch.setattr(Path, "unlink", refuse)
    sweep(tmp_path, now_s=_later(paths[1], 1e9))
    assert [path.exists() for path in paths] == [True, False]
    assert "not yours" in caplog.text


def test_examples_stay_and_are_made_young(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    lasting = set(files_of_layout(build_demo(service)))
    examples = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert examples
    for path in examples:
        os.utime(path, (0, 0))
    sweep(tmp_path, lasting=lasting, now_s=time.time() + 1e9)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == examples
    assert all(path.stat().st_mtime > 0 for path in examples)


def test_page_sweeps_when_it_starts_and_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    sweeps: list[str] = []

    async def serve() -> None:
        twice, pauses = asyncio.Event(), []

        async def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 2:
                twice.set()
                await asyncio.Event().wait()

        monkeypatch.setattr(sweeping, "sweep", lambda folder, **_: sweeps.append(folder))
        monkeypatch.setattr(sweeping, "pause", pause)
        async with sweeping.swept(SimpleNamespace(get_blocks=gr.Blocks)):
            await asyncio.wait_for(twice.wait(), timeout=10)
        assert pauses == [SWEEP_EVERY_S, SWEEP_EVERY_S]

    monkeypatch.setenv("GRADIO_TEMP_DIR", "files")
    asyncio.run(serve())
    assert sweeps == ["files", "files"]
