"""The examples in docstrings run. (`--doctest-modules` would import every module to find the few that have one.)"""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def _with_examples() -> list[str]:
    files = (path for path in (ROOT / "restoration").rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))
    parts = (path.relative_to(ROOT).with_suffix("").parts for path in files)
    return sorted(".".join(names[:-1] if names[-1] == "__init__" else names) for names in parts)


@pytest.mark.parametrize("module", _with_examples())
def test_examples_of_a_module_give_what_they_say(module: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert tried > 0
    assert failed == 0
