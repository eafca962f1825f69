"""Files that the page hands out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from restoration.ui.components import keep_file


def test_equal_files_of_many_users_are_whole_whenever_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    content = bytes(range(256)) * 4096

    def write_and_read(_: int) -> tuple[str, bool]:
        path = keep_file(content, "photo-restored.png")
        return path, Path(path).read_bytes() == content

    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(write_and_read, range(96)))
    assert all(is_whole for _, is_whole in kept)
    assert len({path for path, _ in kept}) == len(kept)


def test_name_stays_and_leads_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    path = Path(keep_file(b"x", "../../photo.png"))
    assert path.name == "photo.png"
    assert path.is_relative_to(tmp_path.resolve())
