"""The lines below the comparison."""

from __future__ import annotations

import pytest

from restoration.diagnosis import Diagnosis
from restoration.types import Progress
from restoration.ui import status


@pytest.mark.parametrize(
    ("eta_s", "words"),
    [(None, "Restoring"), (0.4, "nearly done"), (12.0, "about 12 s left"), (90.0, "about 1 min 30 s left")],
)
def test_progress_says_how_long_it_will_take(eta_s: float | None, words: str) -> None:
    line = status.progress(Progress(0.5, "Restoring", eta_s))
    assert words in line
    assert ("left" in line or "done" in line) == (eta_s is not None)


@pytest.mark.parametrize(("level", "words"), [(0.3, "noise level below 1 of 255"), (17.4, "noise level 17 of 255")])
def test_findings_name_a_level_that_no_setting_contradicts(level: float, words: str) -> None:
    assert words in status.findings(Diagnosis(noise_level=level, jpeg_quality=None, impulse_share=0))
