"""From measured rows to JSON files, and from those to the tables of the README."""

from __future__ import annotations

import dataclasses
import json
import math
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from restoration.devices.device import is_fast_on
from restoration.errors import InvalidRequest
from restoration.lab.bench import exposure
from restoration.lab.bench.quality import Row
from restoration.lab.bench.speed import Line
from restoration.metrics import CATALOGUE, SPECIAL_SCORES

_SCORES = (*CATALOGUE, *SPECIAL_SCORES)
_CIRCUMSTANCES = ("date", "commit", "machine", "versions")
_LIBRARIES = ("torch", "numpy", "opencv-python", "pillow", "scikit-image")


def to_json(rows: Iterable[Row], *, title: str, command: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result with all that is needed to repeat it; a score without bound, as of equal pictures, is None."""
    return {
        "title": title,
        "command": command,
        "settings": dict(settings),
        **circumstances(),
        "rows": [
            {
                "model": row.model,
                "pictures": len(row.scores["psnr"]),
                **{metric.name: _finite(row.mean(metric.name)) for metric in _SCORES if metric.name in row.scores},
                "seconds_per_megapixel": _mean(row.seconds_per_megapixel),
            }
            for row in rows
        ],
    }


def speed_to_json(lines: Iterable[Line], *, repeats: int) -> dict[str, Any]:
    """Return measured lines with all that is needed to repeat them."""
    return {
        "title": "Speed",
        "command": "bench speed",
        "settings": {"repeats": repeats},
        **circumstances(),
        "lines": [dataclasses.asdict(line) for line in lines],
    }


def read_result(file: Path) -> dict[str, Any]:
    """Read what `write_result` wrote.

    Raises:
        InvalidRequest: it is absent or something else.
    """
    try:
        result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{file} is no result of a benchmark; name a file of --json.") from error
    return result


def write_result(result: Mapping[str, Any], file: Path) -> None:
    """Write a result as JSON; its folder is made where it is absent."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def with_others(result: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result of `quality` or `speed` with those rows of an earlier one that were not measured again.

    What is kept notes its own circumstances under "measured"; those of the whole are of the rest.

    Raises:
        InvalidRequest: they were measured with other settings.
    """
    if any(result[name] != before.get(name) for name in ("command", "settings")):
        raise InvalidRequest("The file holds a result with other settings; name another one, or measure all anew.")
    part, name = ("rows", "model") if "rows" in result else ("lines", "what")
    anew = {row[name]: row for row in result[part]}
    then = {key: before[key] for key in _CIRCUMSTANCES if key in before}
    rows = [anew.pop(row[name], None) or {"measured": then, **row} for row in before[part]]
    return {**result, part: [*rows, *anew.values()]}


def circumstances() -> dict[str, Any]:
    """Return date, commit, machine and library versions of a measurement."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "machine": {
            "processor": _processor(),
            "python": platform.python_version(),
            "fast_bfloat16": is_fast_on(torch.device("cpu"), torch.bfloat16),
        },
        "versions": {name: version(name) for name in _LIBRARIES},
    }


def _finite(score: float) -> float | None:
    return score if math.isfinite(score) else None


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _commit() -> str | None:
    """Return the commit that was measured, with "+" behind it where files were changed since."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"],  # noqa: S607 - git as the user has it
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):  # an installed copy lies in no repository
        return None
    return answer.stdout.strip()


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # not Linux
        return platform.processor()
    names = re.findall(r"^model name\s*:\s*(.+)$", text, flags=re.MULTILINE)
    return f"{len(names)} x {names[0]}" if names else platform.processor()


def to_markdown(result: Mapping[str, Any]) -> str:
    """Return one result as a Markdown table."""
    if "lines" in result:
        return _speed_table(result["lines"])
    if "conditions" in result:
        return exposure.to_markdown(result["conditions"])
    metrics = [metric for metric in _SCORES if metric.name in result["rows"][0]]
    header = ["model", *(f"{metric.name.upper()} {metric.unit}".strip() for metric in metrics), "s/MP"]
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    for row in result["rows"]:
        speed = row["seconds_per_megapixel"]
        cells = [
            row["model"],
            *("" if row[metric.name] is None else f"{row[metric.name]:.{metric.digits}f}" for metric in metrics),
            "" if speed is None else f"{speed:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _speed_table(lines: Iterable[Mapping[str, Any]]) -> str:
    rows = ["| what | here | compared with | ratio | goal |", "|---|---|---|---|---|"]
    for line in lines:
        ours, baseline = (f"{line[key]:.3g} {line['unit']}" for key in ("ours", "baseline"))
        against = f"{line['baseline_name']}: {baseline}"
        rows.append(f"| {line['what']} | {ours} | {against} | {line['ratio']:.2f} | {line['goal']} |")
    return "\n".join(rows)


def refresh(text: str, folder: Path) -> str:
    """Return a document with the tables between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->` made anew.

    Raises:
        InvalidRequest: the folder holds no NAME.json for a marker.
    """

    def table(match: re.Match[str]) -> str:
        name = match["name"]
        file = folder / f"{name}.json"
        if not file.is_file():
            raise InvalidRequest(f"The document wants the table {name}, but {file} does not exist; measure it first.")
        result = json.loads(file.read_text(encoding="utf-8"))
        return f"<!-- bench:{name} -->\n{to_markdown(result)}\n<!-- /bench:{name} -->"

    return re.sub(r"<!-- bench:(?P<name>[\w-]+) -->.*?<!-- /bench:(?P=name) -->", table, text, flags=re.DOTALL)
