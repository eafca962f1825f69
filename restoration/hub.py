"""Downloads from the Hugging Face Hub: one at a time for each file, with progress, retries, a limit, and cancel.

What huggingface_hub 2.4 leaves to its caller: it returns files of the right size with wrong bytes as good, retries a
Hub that cannot be reached for half a minute, gives up at once on an overloaded one, waits without end on a line that
drips, only warns of a full disk, and does not tell several callers of one download of each other.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from restoration.errors import WeightsUnavailable
from restoration.types import WeightFile

log = logging.getLogger(__name__)

PAUSES_S = (2.0, 8.0)
"""Waits before the second and the third try."""
TIME_LIMIT_S = 3600.0
STALL_LIMIT_S = 120.0
"""How long a download may go without a byte."""
_LONGEST_PAUSE_S = 60.0
_CHUNK_BYTES = 1024 * 1024
_META_TIMEOUT_S = 10.0
_POLL_S = 0.25
_SPARE_BYTES = 200_000_000

_FlightKey = tuple[str, str, str]
_T = TypeVar("_T")


@dataclass(frozen=True)
class RemoteFile:
    """What the Hub says of a file before it is downloaded; `sha256` is None for files outside LFS."""

    size_bytes: int | None
    sha256: str | None


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


class _Cancelled(Exception):
    """Nobody waits for the download any more."""


class _TooSlow(Exception):
    """The download takes longer than it may; the message completes a sentence about the file."""


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
            _Cancelled: nobody waits for them.
            _TooSlow: they come too late.
        """
        self._done_bytes += new_bytes
        self._moved_s = time.monotonic()
        if self._cancelled.is_set():
            raise _Cancelled
        self._check_time()

    def watch(self) -> None:
        """End a download that takes too long or stands still; its thread may hang in the client until later."""
        partial_bytes = _partial_bytes(self.file)
        if partial_bytes != self._partial_bytes:  # another process may hold the lock of this file and download it
            self._partial_bytes, self._moved_s = partial_bytes, time.monotonic()
        try:
            self._check_time()
            if time.monotonic() - self._moved_s > STALL_LIMIT_S:
                reason = f"cannot be downloaded: nothing more of it has come for {STALL_LIMIT_S / 60:.0f} minutes"
                raise _TooSlow(reason)
        except _TooSlow as error:
            self._end(error=unavailable(self.file, model=self.model, error=error))
            self.cancel()

    def _check_time(self) -> None:
        if time.monotonic() - self._started_s > TIME_LIMIT_S:
            raise _TooSlow(f"cannot be downloaded within {TIME_LIMIT_S / 60:.0f} minutes")

    def restart(self, total_bytes: int | None) -> None:
        """Begin to count anew; a retry starts from the first byte."""
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
        """Tell everybody who waits how it ended; only the first end counts."""
        with _guard:
            if not self.finished.is_set():
                self._path, self._error = path, error
                self.finished.set()

    def _rest(self, pause_s: float) -> None:
        self._moved_s += pause_s  # a pause of our own is no standstill
        if self._cancelled.wait(pause_s):
            raise _Cancelled


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
        return _with_retries(lambda: _remote(file), name=file.filename, rest=time.sleep)
    except Exception as error:  # as in `_Flight._fly`
        raise unavailable(file, model=model, error=error) from error


def unavailable(file: WeightFile, *, model: str, error: Exception) -> WeightsUnavailable:
    """Return what a failure to download means for the user."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    source = f"The weights file {file.filename} of {model} (huggingface.co/{file.hub_address})"
    if isinstance(error, GatedRepoError):
        reason = "needs the consent of a signed-in user; set HF_TOKEN or choose another model."
    elif _is_broken(error):
        reason = "did not come to its end: the connection broke off; try again later or choose a built-in model."
    elif isinstance(error, (LocalEntryNotFoundError, OfflineModeIsEnabled)) or _is_network(error):
        reason = "is not on this machine and the Hub cannot be reached; connect once or choose a built-in model."
    elif isinstance(error, (EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError)):
        reason = "is no longer on the Hub; choose another model."
    elif isinstance(error, _Cancelled):
        reason = "was not downloaded to the end, since nobody waited for it any more; try again."
    elif isinstance(error, _TooSlow):
        reason = f"{error}; try again later or choose a built-in model."
    else:
        reason = f"cannot be downloaded ({type(error).__name__}); try again later or choose a built-in model."
    translated = WeightsUnavailable(f"{source} {reason}", model=model)
    translated.__cause__ = error
    return translated


def _with_retries(action: Callable[[], _T], *, name: str | None, rest: Callable[[float], None]) -> _T:
    """Return what the action gives, trying again after errors that may pass; `rest` waits, or raises to stop."""
    for pause_s in PAUSES_S:
        try:
            return action()
        except Exception as error:
            if not _is_passing(error):
                raise
            asked_s = max(pause_s, _asked_pause_s(error))
            log.info("%s: %s; the next try comes in %.0f s", name, type(error).__name__, asked_s)
            rest(asked_s)
    return action()


def _download_once(flight: _Flight) -> Path:
    import huggingface_hub
    from huggingface_hub import constants

    # By default the client hands on 10 MB at once: until then nobody is told of progress, cannot stop it, and a
    # connection that is cut begins from the first byte.
    constants.DOWNLOAD_CHUNK_SIZE = min(constants.DOWNLOAD_CHUNK_SIZE, _CHUNK_BYTES)
    file = flight.file
    assert file.repo_id is not None
    assert file.filename is not None
    remote = _remote(file)
    if file.sha256 is not None and remote.sha256 is not None and remote.sha256 != file.sha256:
        raise WeightsUnavailable(
            f"The Hub now holds another {file.filename} for {flight.model} than the one that was checked; "
            "choose another model.",
            model=flight.model,
        )
    _check_disk(remote.size_bytes, flight)
    flight.restart(remote.size_bytes)
    return Path(
        huggingface_hub.hf_hub_download(
            file.repo_id,
            file.filename,
            revision=file.revision,
            repo_type=file.repo_type,
            tqdm_class=_meter(flight.count),
        )
    )


def _remote(file: WeightFile) -> RemoteFile:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    assert file.repo_id is not None
    assert file.filename is not None
    url = hf_hub_url(file.repo_id, file.filename, revision=file.revision, repo_type=file.repo_type)
    found = get_hf_file_metadata(url, timeout=_META_TIMEOUT_S)
    is_sha256 = found.etag is not None and len(found.etag) == 64
    return RemoteFile(found.size, found.etag if is_sha256 else None)


def _check_disk(size_bytes: int | None, flight: _Flight) -> None:
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE)
    while not folder.exists():
        folder = folder.parent
    free_bytes = shutil.disk_usage(folder).free
    needed_bytes = (size_bytes or 0) + _SPARE_BYTES
    if free_bytes < needed_bytes:
        raise WeightsUnavailable(
            f"The weights of {flight.model} need {needed_bytes / 1e6:.0f} MB of free disk but only "
            f"{free_bytes / 1e6:.0f} MB are left in {folder}; free some, or set HF_HOME to another disk.",
            model=flight.model,
        )


def _partial_bytes(file: WeightFile) -> int:
    """Return how much lies in the cache of files of that repository that are being downloaded, by any process."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = (
        Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=str(file.repo_id), repo_type=file.repo_type) / "blobs"
    )
    total_bytes = 0
    for path in folder.glob("*.incomplete"):
        with contextlib.suppress(FileNotFoundError):  # done in the meantime
            total_bytes += path.stat().st_size
    return total_bytes


def _is_network(error: Exception) -> bool:
    """Tell whether an error means that the Hub was not reached, in any of the HTTP libraries that may be below."""
    return _has_name(error, {"TransportError", "ConnectError", "TimeoutException", "ConnectionError", "TimeoutError"})


def _is_broken(error: Exception) -> bool:
    """Tell whether the Hub was reached but the connection then broke off or fell silent."""
    return _has_name(error, {"ReadTimeout", "ReadError", "RemoteProtocolError", "ConnectionResetError"})


def _has_name(error: Exception, names: set[str]) -> bool:
    return not names.isdisjoint(kind.__name__ for kind in type(error).__mro__)


def _asked_pause_s(error: Exception) -> float:
    """Return how long an overloaded Hub asks to be left alone, within reason."""
    from huggingface_hub.errors import HfHubHTTPError

    if not isinstance(error, HfHubHTTPError) or error.response is None:
        return 0.0
    asked = error.response.headers.get("Retry-After", "")
    return min(float(asked), _LONGEST_PAUSE_S) if asked.isdigit() else 0.0


def _is_passing(error: Exception) -> bool:
    """Tell whether another try may succeed: cut or slow lines, an overloaded Hub, a short answer."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, (WeightsUnavailable, OfflineModeIsEnabled, _Cancelled, _TooSlow)):
        return False
    if isinstance(error, HfHubHTTPError):
        return error.response is not None and error.response.status_code in (408, 429, 500, 502, 503, 504)
    return _is_network(error) or isinstance(error, OSError)


def _key(file: WeightFile) -> _FlightKey:
    assert file.repo_id is not None
    assert file.filename is not None
    return file.hub_address, file.filename, file.revision


def _meter(count: Callable[[int], None]) -> type[Any]:
    """Return a class that huggingface_hub takes for a progress bar; it only counts."""

    class Meter:
        def __init__(self, *_: object, **__: object) -> None:
            self.n = 0
            self.total: int | None = None

        def update(self, new_bytes: float | None = 1) -> None:
            self.n += int(new_bytes or 0)
            count(int(new_bytes or 0))

        def close(self) -> None:
            """Nothing is shown, so nothing is to be closed."""

        def __enter__(self) -> Meter:
            return self

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            self.close()

    return Meter
