"""What is known so far of a run in progress, for its row in the performance record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from restoration.service.plan import Plan
from restoration.types import RunRecord, RunStats


class RunLog:
    """Add up what the jobs of one run cost."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.weights = ""
        self.stats: RunStats | None = None
        self.notes: tuple[str, ...] = ()

    def add(self, stats: RunStats, *, weights: str = "", notes: tuple[str, ...] = ()) -> None:
        """Take in the cost of one job and what it tells; a picture with shaped alpha needs two."""
        if weights not in self.weights.split("+"):
            self.weights = "+".join(filter(None, (self.weights, weights)))
        self.notes = tuple(dict.fromkeys((*self.notes, *notes)))
        earlier = self.stats
        if earlier is None:
            self.stats = stats
            return
        peaks = [peak for peak in (earlier.peak_bytes, stats.peak_bytes) if peak is not None]
        self.stats = replace(
            stats,
            queue_s=earlier.queue_s + stats.queue_s,
            run_s=earlier.run_s + stats.run_s,
            tiles=earlier.tiles + stats.tiles,
            peak_bytes=max(peaks, default=None),
        )

    def row(self, outcome: str) -> RunRecord:
        """Return the row of the performance record."""
        stats = self.stats or RunStats(device="", dtype="", queue_s=0.0, run_s=0.0, tiles=0, peak_bytes=None)
        return RunRecord(
            started_at=self.started_at,
            task=self.plan.task.value,
            model=self.plan.info.id,
            weights=self.weights,
            width=self.plan.picture.width,
            height=self.plan.picture.height,
            device=stats.device,
            dtype=stats.dtype,
            queue_s=round(stats.queue_s, 4),
            run_s=round(stats.run_s, 4),
            peak_bytes=stats.peak_bytes,
            outcome=outcome,
        )
