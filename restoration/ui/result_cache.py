"""The answers of the latest runs, kept for a while so that the strength can be changed without running again."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from restoration.arrays import FloatArray
from restoration.catalogue.parameters import strength_of
from restoration.images import quantize
from restoration.service.compositing import mixed_by_strength
from restoration.service.enlarging import consistency_of
from restoration.types import ParamValue, RestoreResult, as_mapping
from restoration.ui.form import Form

_MOST_BYTES = 400_000_000

Sources = tuple[str | None, ...]
"""The files that a result is made from: the picture, and the kernel of the blur where there is one."""


@dataclass(frozen=True)
class _Kept:
    """A result with its pictures in a small form that files of their depth hardly tell apart; `result` holds none."""

    result: RestoreResult
    form: Form
    sources: Sources
    before: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    answer: npt.NDArray[np.float16] | FloatArray
    alphas: tuple[FloatArray | None, FloatArray | None]  # of the picture and of the result
    kept_s: float

    @property
    def size_bytes(self) -> int:
        shapes = {id(alpha): alpha.nbytes for alpha in self.alphas if alpha is not None}
        return self.before.nbytes + self.answer.nbytes + sum(shapes.values())


class Answers:
    """Keep results by the secret number of their run, for as long as the files of the page.

    The oldest give way when the memory for them is full.

    Args:
        keep_s: how long a result is kept, in seconds.
        most_bytes: memory that all of them may take.
        clock: tells the time in seconds.
    """

    def __init__(
        self, keep_s: float, *, most_bytes: int = _MOST_BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keep_s = keep_s
        self._most_bytes = most_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._sweeper: threading.Timer | None = None

    def keep(self, number: str, result: RestoreResult, form: Form, *, sources: Sources) -> None:
        """Keep a result whose model takes a strength, if it is not larger than all that may be kept.

        Args:
            form: the settings it was made with.
        """
        before, after = result.original, result.picture
        if not any(param.is_mix for param in result.model.params):
            return
        empty = np.zeros((1, 1, 3), np.float32)
        bare = replace(result, picture=after.with_pixels(empty), original=before.with_pixels(empty), answer=empty)
        kept = _Kept(
            result=bare,
            form=form,
            sources=sources,
            before=quantize(before.pixels, bit_depth=before.bit_depth),
            answer=result.answer.astype(np.float16) if before.bit_depth == 8 else result.answer,
            alphas=(before.alpha, after.alpha),
            kept_s=self._clock(),
        )
        if kept.size_bytes > self._most_bytes:  # others' results are not to go for one that cannot stay
            return
        with self._lock:
            self._kept[number] = kept
            while sum(each.size_bytes for each in self._kept.values()) > self._most_bytes:
                self._kept.popitem(last=False)
            self._sweep_later()

    def pixels_of(self, number: str) -> int:
        """Return how many pixels the kept pictures of a run have together; 0 where none are kept."""
        with self._lock:
            kept = self._kept.get(number)
        return 0 if kept is None else (kept.before.size + kept.answer.size) // 3

    @property
    def is_empty(self) -> bool:
        with self._lock:
            return not self._kept

    def sweep(self) -> None:
        """Drop what has been kept for its time."""
        with self._lock:
            self._drop_old()
            self._sweeper = None
            self._sweep_later()

    def _drop_old(self) -> None:
        oldest_s = self._clock() - self._keep_s
        while self._kept and next(iter(self._kept.values())).kept_s <= oldest_s:
            self._kept.popitem(last=False)

    def _sweep_later(self) -> None:
        """Start the one timer that runs as long as there is anything to drop."""
        if self._kept and self._sweeper is None:
            age_s = self._clock() - next(iter(self._kept.values())).kept_s
            self._sweeper = threading.Timer(max(0.0, self._keep_s - age_s), self.sweep)
            self._sweeper.daemon = True
            self._sweeper.start()

    def mix(self, number: str, form: Form, *, sources: Sources) -> RestoreResult | None:
        """Return the kept result with another strength; None where anything but that and the file type has changed.

        Args:
            form: the settings as the user has them now.
            sources: the files that are on the page now.
        """
        with self._lock:
            self._drop_old()
            kept = self._kept.get(number)
        if kept is None or kept.sources != sources:
            return None
        info = kept.result.model
        names = [param.name for param in info.params if param.is_mix]
        if _without_mix(form, names) != _without_mix(kept.form, names):
            return None
        given = form.parameters
        if _excess(given, names) != _excess(kept.form.parameters, names):
            return None
        parameters = {**kept.result.parameters, **{name: given[name] for name in names}}
        before = kept.before.astype(np.float32) / np.float32(np.iinfo(kept.before.dtype).max)
        original = kept.result.original.with_pixels(before, alpha=kept.alphas[0])
        answer = kept.answer.astype(np.float32)
        pixels = mixed_by_strength(original, answer, strength=strength_of(info, parameters))
        return replace(
            kept.result,
            picture=kept.result.picture.with_pixels(pixels, alpha=kept.alphas[1]),
            original=original,
            answer=answer,
            parameters=as_mapping(parameters),
            consistency_db=None if kept.result.consistency_db is None else consistency_of(pixels, original),
        )


def _without_mix(form: Form, names: Sequence[str]) -> Form:
    """Return what needs a new run when it changes: everything but the strengths and the type of the file."""
    parameters = {name: value for name, value in form.parameters.items() if name not in names}
    return replace(form, parameters=parameters, file_format="")


def _excess(values: Mapping[str, ParamValue], names: Sequence[str]) -> list[float]:
    """Return how far the strengths go beyond 1, where the model itself does more."""
    return [max(1.0, float(values[name])) for name in names]
