"""The contract of an engine: what it is asked, what it tells meanwhile, and what it answers.

All that goes in and out can be pickled, so that an engine may live in another process or on another machine: a model
is named by its entry, not passed as a network, and time is told in seconds left, not by a clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from restoration.arrays import FloatArray, Mask
from restoration.types import ModelInfo, Parameters, Progress, Queued, RunStats, as_mapping


@dataclass(frozen=True)
class JobRequest:
    """One pass of one picture through one model.

    Args:
        info: the model, which the engine has the catalogue load.
        parameters: all parameters of the model, in the units that users see.
        pixels: (H, W, 3) float32, range [0, 1].
        mask: (H, W) bool, True = fill, for models that need one.
        kernel: (k, k') float32, odd sides, sum 1: the blur to undo, where it is known.
        precision: "auto" takes the fastest that is safe, "exact" computes in float32.
        tile_px: side of a tile in input pixels; None lets the engine choose.
        seconds_left: after these the job is given up; None for never.
        has_preview: send small pictures of the work in progress.
    """

    info: ModelInfo
    parameters: Parameters
    pixels: FloatArray = field(repr=False)
    mask: Mask | None = field(default=None, repr=False)
    kernel: FloatArray | None = field(default=None, repr=False)
    precision: Literal["auto", "exact"] = "auto"
    tile_px: int | None = None
    seconds_left: float | None = None
    has_preview: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", as_mapping(self.parameters))


@dataclass(frozen=True)
class Answer:
    """The last event of a job: restored pixels, (scale*H, scale*W, 3) float32 clipped to [0, 1].

    Args:
        notes: sentences the user should read.
        weights: first hex digits of the sha256 of the weights that were used; "" for methods without weights.
    """

    pixels: FloatArray = field(repr=False)
    stats: RunStats
    notes: tuple[str, ...] = ()
    weights: str = ""


JobEvent = Queued | Progress | Answer


class RunningJob(Protocol):
    """A job on its way. Iterating gives its events, the last one an `Answer`; errors are raised from there.

    A job whose events nobody reads is held after 2 s and one unit of work, and later given up (`LeaseExpired`).
    """

    def __iter__(self) -> Iterator[JobEvent]: ...

    def __next__(self) -> JobEvent: ...

    def take(self) -> None:
        """End an iterative method with what it has after its next step; others take no notice. From any thread."""
        ...

    def close(self) -> None:
        """Cancel the job; it stops before its next unit of work."""
        ...


class Engine(Protocol):
    """What computes. Any number of threads may use one engine at once."""

    def run(self, request: JobRequest) -> RunningJob:
        """Start a job.

        Its events raise:
            ModelUnavailable: a library or weights file that the model needs is not to be had.
            OutOfMemory: the memory does not suffice even for the smallest tile.
            UnstableOutput: the model's answer is no picture, also in float32.
            DeadlinePassed: its seconds are over.
            LeaseExpired: nobody read its events.
        """
        ...

    def load(self, info: ModelInfo, parameters: Parameters) -> None:
        """Load a model ahead of its first job.

        Raises:
            ModelUnavailable: as `run`.
        """
        ...

    def close(self) -> None:
        """Give everything back; jobs in progress fail."""
        ...
