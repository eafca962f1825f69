"""The card of trained weights: architecture, training data and validation score."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from restoration.lab.training.checkpoint import read_checkpoint
from restoration.lab.training.export import averaged, write_weights
from restoration.lab.training.photographs import LIST

_FROM_CHECKPOINT = {
    "network": "network_name",
    "its arguments": "network_config",
    "damage": "degradation",
    "objective": "objective",
    "optimiser": "optimizer_name",
    "seed": "seed",
}


def write_card(weights: Path, runs: Sequence[Path], *, note: str = "") -> Path:
    """Write the card of exported weights beside them, as Markdown; return where it is.

    Args:
        weights: the file that was exported.
        runs: the folders of the runs that it comes from.
        note: a sentence of whoever trained them.

    Raises:
        InvalidRequest: a checkpoint cannot be read, or the card not be written.
    """
    content = weights.read_bytes()
    lines = [f"# {weights.name}", "", *([note, ""] if note else [])]
    lines += [f"{len(content)} bytes, sha256 `{hashlib.sha256(content).hexdigest()}`.", ""]
    for run in runs:
        lines += [f"## Run {run.resolve().name}", "", "| | |", "|---|---|"]
        lines += [f"| {name} | {value} |" for name, value in _facts(run).items()] + [""]
    target = weights.with_suffix(".md")
    write_weights(target, "\n".join(lines).encode())
    return target


def _facts(run: Path) -> dict[str, str]:
    state = read_checkpoint(run / "checkpoint.pt")
    facts = {name: _shown(state[key]) for name, key in _FROM_CHECKPOINT.items() if state.get(key) not in (None, "", {})}
    facts["steps"] = str(averaged(state)[1])
    facts["best held-out PSNR"] = f"{state['best_psnr']:.3f} dB"
    photographs = run / LIST
    if photographs.exists():
        text = photographs.read_bytes()
        count, digest = text.count(b"\n"), hashlib.sha256(text).hexdigest()
        facts["photographs found"] = f"{count}, listed in {LIST} of the run (sha256 {digest[:16]})"
    return facts


def _shown(value: object) -> str:
    return f"`{json.dumps(value)}`" if isinstance(value, dict) else str(value)
