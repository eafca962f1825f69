from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from restoration.ui import previews


@pytest.mark.parametrize(
    ("frames", "told"),
    [(1, "1 × 1 px, GIF"), (2, "first of 2 frames"), (999, "of 999 frames"), (1500, "of 1000 or more frames")],
)
def test_caption_tells_no_more_frames_than_were_counted(tmp_path: Path, frames: int, told: str) -> None:
    path = tmp_path / "film.gif"
    Image.new("L", (1, 1)).save(path)
    data = path.read_bytes()
    picture = data.index(b",")
    path.write_bytes(data[:picture] + data[picture:-1] * frames + data[-1:])
    assert previews.caption_of(str(path)).endswith(told)
