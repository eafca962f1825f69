"""docs/adding-a-model.md, followed to the letter in a copy of the repository."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "adding-a-model.md").read_text(encoding="utf-8")
COPIED = (
    "restoration",
    "weights/manifest",
    "assets/benchmarks",
    "tests/models",
    "tests/catalogue",
    "tests/test_floors.py",
    "tests/conftest.py",
    "pyproject.toml",
)
_BLOCK = re.compile(r"^(Create|Append to) `([^`]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in COPIED:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target)
        else:
            shutil.copy2(ROOT / name, target)
    return tmp_path


def _follow(page: str, folder: Path) -> list[str]:
    """Do what the page says to files; return what it says each was."""
    done = []
    for verb, name, content in _BLOCK.findall(page):
        path = folder / name
        assert path.exists() == (verb == "Append to"), name
        with path.open("a", encoding="utf-8") as file:
            file.write(content)
        done.append(f"{verb} {name}")
    return done


def _run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(command)
    assert program == "python"
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env={**os.environ, "PYTHONPATH": "."}, capture_output=True, text=True
    )


@pytest.mark.slow
def test_page_adds_a_method_and_a_network_that_pass_all_common_tests(copy: Path) -> None:
    assert _follow(PAGE, copy) == [
        "Create restoration/models/box_mean.py",
        "Append to weights/manifest/denoise.toml",
        "Create restoration/models/three_layers.py",
        "Append to weights/manifest/denoise.toml",
    ]
    (commands,) = _COMMANDS.findall(PAGE)
    for command in commands.splitlines():
        ended = _run(command, copy)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    # sizes (4), gray, scales, tiles, roles, entry, parameters, representative values, floors (2) of the method; the
    # network has no gray test but its cost; and the cards
    passed = re.search(r"(\d+) passed", ended.stdout)
    assert passed is not None
    assert int(passed[1]) >= 25, ended.stdout
    assert "failed" not in ended.stdout
    assert "## three-layers" in (copy / "weights" / "README.md").read_text(encoding="utf-8")
