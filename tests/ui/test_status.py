"""The lines below the comparison."""

from __future__ import annotations

import numpy as np
import pytest

from restoration.catalogue.manifest import load_manifest
from restoration.catalogue.parameters import complete
from restoration.diagnosis import Findings
from restoration.diagnosis.dots import Dots
from restoration.diagnosis.frames import Box
from restoration.images import Picture
from restoration.types import Progress, RestoreResult, RunStats, Task, as_mapping
from restoration.ui import status


@pytest.mark.parametrize(
    ("eta_s", "words"),
    [(None, "Restoring"), (0.4, "almost done"), (12.0, "about 12 s left"), (90.0, "about 1 min 30 s left")],
)
def test_progress_says_how_long_it_will_take(eta_s: float | None, words: str) -> None:
    line = status.progress(Progress(0.5, "Restoring", eta_s))
    assert words in line
    assert ("left" in line or "done" in line) == (eta_s is not None)


@pytest.mark.parametrize(("level", "words"), [(0.3, "noise level below 1 of 255"), (17.4, "noise level 17 of 255")])
def test_findings_name_a_level_that_no_setting_contradicts(level: float, words: str) -> None:
    found = Findings(photo=Box(0, 0, 8, 8), is_gray=False, noise_level=level, jpeg_quality=None, dots=Dots())
    assert words in status.findings(found)


def _result(**given: float) -> RestoreResult:
    info = next(info for info in load_manifest() if info.id == "compact-web")
    picture = Picture(np.zeros((8, 8, 3), np.float32))
    return RestoreResult(
        picture=picture,
        answer=picture.pixels,
        original=picture,
        task=Task.SUPER_RESOLUTION,
        model=info,
        parameters=as_mapping({**complete(info, given), "quality": given.get("quality", 95)}),
        stats=RunStats(device="cpu", dtype="float32", queue_s=0, run_s=1, tiles=1, peak_bytes=None),
    )


@pytest.mark.parametrize(
    ("given", "named", "unnamed"),
    [
        ({"scale": 3}, ["Enlarge by 3"], ["Width", "JPEG quality"]),
        ({"width_px": 30}, ["Width (px) 30"], ["Enlarge by"]),
        ({"quality": 60}, ["JPEG quality 60"], []),
    ],
)
def test_settings_name_what_counted(given: dict[str, float], named: list[str], unnamed: list[str]) -> None:
    words = status.outcome(_result(**given), file_name="x.png", file_bytes=1)
    for part in named:
        assert part in words
    for part in unnamed:
        assert part not in words
