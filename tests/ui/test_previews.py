from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from PIL import Image

from restoration.images import Picture
from restoration.types import RestoreResult
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


@pytest.mark.parametrize(("factor", "mode"), [(2, "RGBA"), (40, "RGB")])
def test_both_halves_of_the_comparison_show_transparency_alike(factor: int, mode: str) -> None:
    """Large previews are JPEG files, which have none: then the original lies on white, too."""

    def faint(side_px: int) -> Picture:
        return Picture(
            np.full((side_px, side_px, 3), 0.2, np.float32), alpha=np.full((side_px, side_px), 0.5, np.float32)
        )

    result = cast("RestoreResult", SimpleNamespace(original=faint(48), picture=faint(48 * factor)))
    before, after = (Image.open(io.BytesIO(content)) for content in previews.before_and_after(result))
    assert before.size == after.size
    assert before.mode == after.mode == mode
    middle = tuple(side // 2 for side in after.size)
    np.testing.assert_allclose(before.getpixel(middle), after.getpixel(middle), atol=2)
