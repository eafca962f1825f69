"""Files that were uploaded: each is decoded once and diagnosed once, however often it is shown and restored."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from restoration.diagnosis import Findings, diagnose
from restoration.images import (
    MAX_PIXELS,
    MAX_PIXELS_TO_FIT,
    MAX_SIDE_PX,
    MAX_SIDE_TO_FIT_PX,
    Decoded,
    ImageSource,
    Picture,
    decode_file,
    in_own_range,
    read,
)

_MOST_BYTES = 200_000_000
"""Two photographs of 25 megapixels with 8 bits, or one of 64; samples are kept as the file has them, not as floats."""
_KEEP_S = 600.0

_Key = tuple[str, int, int]


@dataclass
class _Upload:
    """One file; whoever holds the lock may decode and measure it."""

    used_s: float
    lock: threading.Lock = field(default_factory=threading.Lock)
    decoded: Decoded | None = None
    diagnosis: Findings | None = None
    told: dict[str, float | None] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        return 0 if self.decoded is None else self.decoded.size_bytes


class Uploads:
    """Keep the samples of the files used last, and what they told. Any number of threads may use it at once.

    A file counts as the same as long as its path, its size and its time of change stay. What was not used for ten
    minutes is forgotten, and the oldest give way when the memory is full. Each caller gets a picture of its own.

    Args:
        most_bytes: memory that all samples may take together; 0 keeps none.
        keep_s: how long a file is kept after its last use, in seconds.
        clock: tells the time in seconds.
    """

    def __init__(
        self,
        *,
        most_bytes: int = _MOST_BYTES,
        keep_s: float = _KEEP_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_bytes = most_bytes
        self._keep_s = keep_s
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, _Upload] = OrderedDict()
        self._sweeper: threading.Timer | None = None

    def read(
        self,
        source: ImageSource,
        *,
        keep_gps: bool = False,
        max_pixels: int = MAX_PIXELS,
        max_side_px: int = MAX_SIDE_PX,
    ) -> Picture:
        """Return a picture; see `images.read`. Only files at a path are kept."""
        path = self._path(source)
        if path is None:
            return read(source, keep_gps=keep_gps, max_pixels=max_pixels, max_side_px=max_side_px)
        decoded = self._decoded(path, max_pixels=max_pixels, max_side_px=max_side_px)
        return decoded.picture(keep_gps=keep_gps, max_pixels=max_pixels, max_side_px=max_side_px)

    def small(self, path: str | Path, *, max_side_px: int) -> Picture:
        """Return a picture to be shown, with its longer side at most `max_side_px`; see `images.read_to_show`."""
        return self._decoded(Path(path)).small(max_side_px=max_side_px)

    def diagnose(self, path: str | Path) -> Findings:
        """Return the damage of a picture; of one with more than 25 megapixels, that of a part.

        Raises:
            InvalidImage: as `images.read`.
            WeightsUnavailable: as `diagnosis.diagnose`.
        """
        decoded = self._decoded(Path(path))
        upload = self._upload(Path(path))
        with upload.lock:
            if upload.diagnosis is None:
                upload.diagnosis = diagnose(in_own_range(decoded.measured_part()))
            return upload.diagnosis

    def tell(self, source: ImageSource, name: str, *, measure: Callable[[str], float | None]) -> float | None:
        """Return what a picture tells under a name, measured where it has not told it before.

        Args:
            measure: measures the picture that `read` has returned for this source.
        """
        path = self._path(source)
        if path is None:
            return measure(name)
        upload = self._upload(path)
        with upload.lock:
            if upload.diagnosis is not None and name in ("noise_level", "jpeg_quality"):
                return upload.diagnosis.noise_level if name == "noise_level" else upload.diagnosis.jpeg_quality
            if name not in upload.told:
                upload.told[name] = measure(name)
            return upload.told[name]

    @property
    def size_bytes(self) -> int:
        """Memory that all samples take together."""
        with self._lock:
            return sum(upload.size_bytes for upload in self._kept.values())

    def sweep(self) -> None:
        """Forget what was not used for its time."""
        with self._lock:
            self._sweeper = None
            self._forget_old()

    def _path(self, source: ImageSource) -> Path | None:
        """Return the path of a file that is to be kept, or None."""
        return Path(source) if self._most_bytes and isinstance(source, (str, Path)) else None

    def _decoded(
        self, path: Path, *, max_pixels: int = MAX_PIXELS_TO_FIT, max_side_px: int = MAX_SIDE_TO_FIT_PX
    ) -> Decoded:
        """Return the samples of a file; of several callers the first decodes, and the others wait for it."""
        upload = self._upload(path)
        try:
            with upload.lock:
                if upload.decoded is None:
                    upload.decoded = decode_file(path, max_pixels=max_pixels, max_side_px=max_side_px)
                return upload.decoded
        finally:
            with self._lock:
                self._forget_old()

    def _upload(self, path: Path) -> _Upload:
        key = _key(path)
        with self._lock:
            upload = self._kept.setdefault(key, _Upload(self._clock()))
            upload.used_s = self._clock()
            self._kept.move_to_end(key)
            return upload

    def _forget_old(self) -> None:
        """Drop what is over its time or beyond the memory, and see to it that somebody comes for the rest."""
        oldest_s = self._clock() - self._keep_s
        total = sum(upload.size_bytes for upload in self._kept.values())
        while self._kept and (total > self._most_bytes or next(iter(self._kept.values())).used_s <= oldest_s):
            _, dropped = self._kept.popitem(last=False)
            total -= dropped.size_bytes
        if self._kept and self._sweeper is None:
            age_s = self._clock() - next(iter(self._kept.values())).used_s
            self._sweeper = threading.Timer(max(0.1, self._keep_s - age_s), self.sweep)
            self._sweeper.daemon = True
            self._sweeper.start()


def _key(path: Path) -> _Key:
    """Return what tells a file from others, and from what it was before; a file that is absent has no size."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # reading it says what is wrong
        return str(path), -1, -1
    return str(path.absolute()), status.st_size, status.st_mtime_ns
