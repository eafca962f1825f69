"""Run the suites that take too long for every change, and keep what came out: `make nightly`."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "tests" / "results"
MARKED = "slow or nightly or data"


class Tally:
    """Count the outcomes of tests; remember those that failed and why others were skipped."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.failed: list[str] = []
        self.skipped: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.passed:
            return
        self.counts[report.outcome] += 1
        if report.failed:
            self.failed.append(report.nodeid)
        elif report.skipped and isinstance(report.longrepr, tuple):
            self.skipped[report.longrepr[2].removeprefix("Skipped: ")] += 1


def main() -> int:
    """Return 0 where no test failed and enough mutants were noticed."""
    os.chdir(ROOT)
    RESULTS.mkdir(exist_ok=True)
    tally, started_s = Tally(), time.monotonic()
    code = int(pytest.main(["-q", "-m", MARKED, "-p", "no:cacheprovider"], plugins=[tally]))
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    content = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": revision.stdout.strip(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "tests": MARKED,
        **{outcome: tally.counts[outcome] for outcome in ("passed", "failed", "skipped")},
        "seconds": round(time.monotonic() - started_s),
        "failures": tally.failed,
        "reasons_to_skip": dict(tally.skipped),
    }
    (RESULTS / "nightly.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "tests.mutation.mutants", "--json", str(RESULTS / "mutants.json")]
    return code or subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
