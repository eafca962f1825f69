"""Downloads shared between callers: each file is downloaded once at a time, in its own thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from restoration.errors import WeightsUnavailable
from restoration.types import WeightFile
from restoration.weights.hub import client
from restoration.weights.hub.client import RemoteFile
from restoration.weights.hub.faults import Cancelled, TooSlow, asked_pause_s, is_passing, unavailable

log = logging.getLogger(__name__)

PAUSES_S = (2.0, 8.0)
"""Waits before the second and the third try."""
TIME_LIMIT_S = 3600.0
STALL_LIMIT_S = 120.0
"""How long a download may go without a byte."""
_POLL_S = 0.25

_FlightKey = tuple[str, str, str]
_T = TypeVar("_T")


@dataclass(frozen=True)
class DownloadProgress:
    """How far a download is; sizes in bytes, None while unknown."""

    name: str
    done_bytes: int
    total_bytes: int | None
    bytes_per_s: float

    @property
    def eta_s(self) -> float | None:
        """Seconds until the end at this speed."""
        if self.total_bytes is None or self.bytes_per_s <= 0:
            return None
        return max(0.0, (self.total_bytes - self.done_bytes) / self.bytes_per_s)

    def __str__(self) -> str:
        total = "" if self.total_bytes is None else f" of {self.total_bytes / 1e6:.1f}"
        return f"Downloading {self.name}: {self.done_bytes / 1e6:.1f}{total} MB, {self.bytes_per_s / 1e6:.1f} MB/s"


class _Flight:
    """One download in its own thread, and everybody who waits for it."""

    def __init__(self, file: WeightFile, *, model: str) -> None:
        self.file = file
        self.model = model
        self.waiting = 0
        self.finished = threading.Event()
        self._cancelled = threading.Event()
        self._started_s = time.monotonic()
        self._moved_s = self._started_s
        self._partial_bytes = 0
        self._done_bytes = 0
        self._total_bytes = file.size_bytes
        self._path: Path | None = None
        self._error: Exception | None = None

    def start(self) -> None:
        threading.Thread(target=self._fly, name=f"download-{self.file.filename}", daemon=True).start()

    def cancel(self) -> None:
        self._cancelled.set()

    def count(self, new_bytes: int) -> None:
        """Take note of bytes that have come.

        Raises:
            Cancelled: nobody waits for them.
            TooSlow: they come too late.
        """
        self._done_bytes += new_bytes
        self._moved_s = time.monotonic()
        if self._cancelled.is_set():
            raise Cancelled
        self._check_time()

    def watch(self) -> None:
        """Abort a download that is too slow or stalled; its thread may stay in the client for a while."""
        partial_bytes = client.partial_bytes(self.file)
        if partial_bytes != self._partial_bytes:  # another process may hold the lock of this file and download it
            self._partial_bytes, self._moved_s = partial_bytes, time.monotonic()
        try:
            self._check_time()
            if time.monotonic() - self._moved_s > STALL_LIMIT_S:
                reason = f"cannot be downloaded: nothing more of it has come for {STALL_LIMIT_S / 60:.0f} minutes"
                raise TooSlow(reason)
        except TooSlow as error:
            self._end(error=unavailable(self.file, model=self.model, error=error))
            self.cancel()

    def _check_time(self) -> None:
        if time.monotonic() - self._started_s > TIME_LIMIT_S:
            raise TooSlow(f"cannot be downloaded within {TIME_LIMIT_S / 60:.0f} minutes")

    def restart(self, total_bytes: int | None) -> None:
        """Begin to count anew; what an earlier try left is counted as the next one begins."""
        self._done_bytes = 0
        self._total_bytes = total_bytes if total_bytes is not None else self._total_bytes

    @property
    def progress(self) -> DownloadProgress:
        elapsed_s = max(1e-3, time.monotonic() - self._started_s)
        name = self.file.filename or ""
        return DownloadProgress(name, self._done_bytes, self._total_bytes, self._done_bytes / elapsed_s)

    def result(self) -> Path:
        """Return the file, or raise what went wrong."""
        if self._error is not None:
            raise self._error
        assert self._path is not None
        return self._path

    def _fly(self) -> None:
        try:
            self._end(path=_with_retries(lambda: _download_once(self), name=self.file.filename, rest=self._rest))
        except Exception as error:  # the client lets errors of two HTTP libraries, the disk and its own through
            known = isinstance(error, WeightsUnavailable)
            self._end(error=error if known else unavailable(self.file, model=self.model, error=error))

    def _end(self, *, path: Path | None = None, error: Exception | None = None) -> None:
        """Notify all waiting callers; only the first outcome counts."""
        with _guard:
            if not self.finished.is_set():
                self._path, self._error = path, error
                self.finished.set()

    def _rest(self, pause_s: float) -> None:
        self._moved_s += pause_s  # a pause of our own is no standstill
        if self._cancelled.wait(pause_s):
            raise Cancelled


_guard = threading.Lock()
_flights: dict[_FlightKey, _Flight] = {}


def download(file: WeightFile, *, model: str) -> Generator[DownloadProgress, None, Path]:
    """Download a file into the Hub's cache, joining a download of it that is under way; yield progress.

    Closing the iterator leaves the download; it stops when the last one has left.

    Returns:
        The path in the cache, unverified.

    Raises:
        WeightsUnavailable: the message says why and what to do.
    """
    key = _key(file)
    with _guard:
        flight = _flights.get(key)
        if flight is None or flight.finished.is_set():
            flight = _flights[key] = _Flight(file, model=model)
            flight.start()
        flight.waiting += 1
    try:
        while not flight.finished.wait(_POLL_S):
            flight.watch()
            yield flight.progress
        return flight.result()
    finally:
        with _guard:
            flight.waiting -= 1
            if flight.waiting == 0:
                flight.cancel()
                if _flights.get(key) is flight:
                    del _flights[key]


def describe(file: WeightFile, *, model: str) -> RemoteFile:
    """Ask the Hub for the size and the sha256 of a file.

    Raises:
        WeightsUnavailable: the Hub cannot be reached, or has no such file.
    """
    try:
        return _with_retries(lambda: client.remote_file(file), name=file.filename, rest=time.sleep)
    except Exception as error:  # as in `_Flight._fly`
        raise unavailable(file, model=model, error=error) from error


def _with_retries(action: Callable[[], _T], *, name: str | None, rest: Callable[[float], None]) -> _T:
    """Return what the action gives, trying again after errors that may pass; `rest` waits, or raises to stop."""
    for pause_s in PAUSES_S:
        try:
            return action()
        except Exception as error:
            if not is_passing(error):
                raise
            asked_s = max(pause_s, asked_pause_s(error))
            log.info("%s: %s; the next try comes in %.0f s", name, type(error).__name__, asked_s)
            rest(asked_s)
    return action()


def _download_once(flight: _Flight) -> Path:
    file = flight.file
    remote = client.remote_file(file)
    if file.sha256 is not None and remote.sha256 is not None and remote.sha256 != file.sha256:
        raise WeightsUnavailable(
            f"The Hub now holds another {file.filename} for {flight.model} than the one that was checked; "
            "choose another model.",
            model=flight.model,
        )
    client.check_disk(remote.size_bytes, model=flight.model)
    flight.restart(remote.size_bytes)
    return client.get(file, flight.count)


def _key(file: WeightFile) -> _FlightKey:
    assert file.repo_id is not None
    assert file.filename is not None
    return file.hub_address, file.filename, file.revision
