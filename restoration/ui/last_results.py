"""What a page showed of its last finished run, so that a run that is cancelled or fails costs nothing."""

from __future__ import annotations

import threading
from collections import OrderedDict

from restoration.ui.shown import Shown

_MOST = 1000


class LastResults:
    """Keep the last result by the secret numbers of the runs that follow it; the oldest are forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[str, Shown]] = OrderedDict()

    def follow(self, number: str, *, after: str) -> None:
        """Note that a run follows another one on its page, whose result, or the one before, is shown until it ends."""
        with self._lock:
            if after in self._kept:
                self._keep(number, self._kept.pop(after))

    def finish(self, number: str, path: str, result: Shown) -> None:
        """Note what is shown of a run of a picture that has ended well."""
        with self._lock:
            self._keep(number, (path, result))

    def before(self, number: str, path: str | None) -> Shown | None:
        """Return what was shown before a run, where it was of the same picture."""
        with self._lock:
            kept_path, result = self._kept.get(number, ("", None))
            return result if path is not None and kept_path == path else None

    def _keep(self, number: str, kept: tuple[str, Shown]) -> None:
        self._kept[number] = kept
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)
