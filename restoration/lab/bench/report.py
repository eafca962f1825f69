"""Write measured results to JSON files, and put them into the tables and figures of documents."""

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
_ROWS = (("rows", "model"), ("lines", "what"), ("conditions", "condition"))
"""The list that a kind of result holds, and the key that names an entry of it."""
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
    """Return a document with its measured tables and figures updated from the JSON files in a folder.

    A table stands between `<!-- bench:FILE -->` and `<!-- /bench:FILE -->`, a single figure between
    `<!-- figure: FILE / ROW / SCORE -->` and `<!-- /figure -->`. ROW is a model, a line of `bench speed` or a condition
    of `bench exposure`; SCORE is a key of that row.

    Raises:
        InvalidRequest: the folder has no such file, or the file no such row or score.
    """

    def table(match: re.Match[str]) -> str:
        name = match["name"]
        return f"<!-- bench:{name} -->\n{to_markdown(_load(name, folder))}\n<!-- /bench:{name} -->"

    def figure(match: re.Match[str]) -> str:
        name, row, score = (part.strip() for part in match["path"].split(" / "))
        return f"<!-- figure: {match['path']} -->{_figure(_load(name, folder), row, score)}<!-- /figure -->"

    text = re.sub(r"<!-- bench:(?P<name>[\w-]+) -->.*?<!-- /bench:(?P=name) -->", table, text, flags=re.DOTALL)
    return re.sub(r"<!-- figure: (?P<path>[^>]*? / [^>]*? / [^>]*?) -->.*?<!-- /figure -->", figure, text)


def stale_documents(root: Path) -> dict[Path, str]:
    """Return README.md and the pages of docs/ whose figures are out of date, each with its updated text; see `refresh`.

    Args:
        root: the project's folder.
    """
    documents = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    before = {path: path.read_text(encoding="utf-8") for path in documents}
    after = {path: refresh(text, root / "assets" / "benchmarks") for path, text in before.items()}
    return {path: text for path, text in after.items() if text != before[path]}


def _load(name: str, folder: Path) -> Mapping[str, Any]:
    file = folder / f"{name}.json"
    if not file.is_file():
        raise InvalidRequest(f"The document needs the result {name}, but {file} does not exist; measure it first.")
    loaded: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def _figure(result: Mapping[str, Any], name: str, score: str) -> str:
    """Return one score of one row, rounded as in the tables, without its unit."""
    kind, key = next(pair for pair in _ROWS if pair[0] in result)
    row = next((row for row in result[kind] if row[key] == name), None)
    if row is None or row.get(score) is None:
        raise InvalidRequest(f'"{result["title"]}" has no {score} of "{name}"; correct the marker or measure it.')
    digits = {metric.name: metric.digits for metric in _SCORES}
    return f"{row[score]:.3g}" if kind == "lines" and score != "ratio" else f"{row[score]:.{digits.get(score, 2)}f}"
