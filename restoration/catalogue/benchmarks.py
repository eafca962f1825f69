"""Measured figures out of `assets/benchmarks`, for the model cards."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

_PLACE = re.compile(r"\{([^{}]+)\}")
_ROW_KEYS = ("model", "condition", "what")
_LISTS = ("rows", "conditions", "lines")
_DIGITS = {"ssim": 3, "haarpsi": 3, "consistency": 1}
_USUAL_DIGITS = 2


class Benchmarks:
    """The figures of a folder of benchmark files, each of which is read once.

    A figure is named by the file (without its ending), the row (the model's id, the condition of `bench exposure`, or
    what `bench speed` timed) and the metric.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: dict[str, dict[str, dict[str, Any]]] = {}

    def figure(self, benchmark: str, row: str, metric: str) -> float:
        """Return a figure, rounded as it is written.

        Raises:
            LookupError: there is no such file, row or metric; the message says what there is.
        """
        rows = self._read(benchmark)
        if row not in rows:
            raise LookupError(f'row "{row}" is not in {benchmark}.json; its rows are {", ".join(rows)}')
        value = rows[row].get(metric)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            known = ", ".join(name for name, each in rows[row].items() if isinstance(each, float))
            raise LookupError(f'metric "{metric}" is not in {benchmark}.json; its metrics are {known}')
        return round(float(value), _digits(metric))

    def fill_in(self, words: str, *, benchmark: str | None, metric: str | None) -> str:
        """Return a text with the figures that it names in braces: {row}, {benchmark:row} or {benchmark:row:metric}.

        Args:
            benchmark, metric: where the braces name none.

        Raises:
            LookupError: a figure does not exist, or is not named in full.
        """

        def shown(found: re.Match[str]) -> str:
            first, *others = found[1].split(":")
            named = (benchmark, first, metric) if not others else (first, others[0], (*others[1:], metric)[0])
            if named[0] is None or named[2] is None:
                raise LookupError(f"figure {found[0]} must be named as {{benchmark:row:metric}}")
            return f"{self.figure(named[0], str(named[1]), named[2]):.{_digits(named[2])}f}"

        return _PLACE.sub(shown, words)

    def _read(self, benchmark: str) -> dict[str, dict[str, Any]]:
        if benchmark not in self._rows:
            path = self._folder / f"{benchmark}.json"
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise LookupError(f'benchmark "{benchmark}" cannot be read from {path}') from error
            rows = [row for name in _LISTS for row in content.get(name, ())]
            self._rows[benchmark] = {next(str(row[key]) for key in _ROW_KEYS if key in row): row for row in rows}
        return self._rows[benchmark]


def _digits(metric: str) -> int:
    return _DIGITS.get(metric, _USUAL_DIGITS)
