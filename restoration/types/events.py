"""What happens on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from restoration.types.results import RestoreResult


@dataclass(frozen=True)
class Queued:
    """The job waits; `ahead` other jobs are on the same device."""

    ahead: int


@dataclass(frozen=True)
class Progress:
    """`fraction` in [0, 1] of the work is done; `eta_s` more seconds are expected, None while unknown.

    Args:
        preview: the picture so far, small, (h, w, 3) uint8; None where there is nothing new to show.
    """

    fraction: float
    message: str
    eta_s: float | None = None
    preview: npt.NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Done:
    """The last event of a restoration."""

    result: RestoreResult


Event = Queued | Progress | Done
