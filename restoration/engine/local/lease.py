"""Whether anybody still follows a job."""

from __future__ import annotations

HOLD_AFTER_S = 2.0
"""A job whose events nobody reads for so long is held: whoever has gone costs the others nothing."""
END_AFTER_S = 30.0
"""After so long it is given up; a reader that was merely slow finds its job as it was."""


class Lease:
    """Runs while nobody waits for the next event, and begins anew with every event that is read.

    All times are those of one clock, in seconds.
    """

    def __init__(self, now_s: float) -> None:
        self._unread_since_s: float | None = now_s

    def wait(self, now_s: float) -> bool:
        """Note that somebody waits for the next event; tell whether the job was held until now."""
        was_over = self.is_over(now_s)
        self._unread_since_s = None
        return was_over

    def renew(self, now_s: float) -> None:
        """Note that an event was read."""
        self._unread_since_s = now_s

    def is_over(self, now_s: float) -> bool:
        """Tell whether the job is to be held."""
        return self._unread_since_s is not None and now_s - self._unread_since_s > HOLD_AFTER_S

    @property
    def ends_s(self) -> float | None:
        """When the job is given up unless somebody reads its events; None while somebody waits for one."""
        return None if self._unread_since_s is None else self._unread_since_s + END_AFTER_S
