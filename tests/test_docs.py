"""What README and docs/ show can be run, and what they link to and measure is there."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restoration.cli.main import main
from restoration.lab.bench.report import stale_documents

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
_PROGRAM = re.compile(r"^(?:\.venv/bin/)?python -m restoration ")


def _blocks(document: Path, language: str) -> list[str]:
    """Return the fenced code blocks of a language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )


def _commands(document: Path) -> list[str]:
    lines = (line for block in _blocks(document, "sh") for line in block.splitlines())
    return [_PROGRAM.sub("", line) for line in lines if _PROGRAM.match(line)]


def _write_pictures(folder: Path) -> None:
    """Write the tiny pictures that the examples name."""
    rng = np.random.default_rng(0)
    for name in ("photo.jpg", "in.jpg", "small.png", "torn.png"):
        Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8)).save(folder / name)
    mask = np.zeros((24, 32), np.uint8)
    mask[8:11, 4:20] = 255
    Image.fromarray(mask).save(folder / "mask.png")


def _size(file: str) -> tuple[int, int]:
    with Image.open(file) as image:
        return image.size


def test_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 130


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_measured_figures_are_those_of_the_benchmark_files() -> None:
    assert [path.name for path in stale_documents(ROOT)] == [], "run `python -m restoration bench report --write`"


@functools.cache
def _help(*path: str) -> str:
    """Return what `--help` prints for a command."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        try:
            code = main([*path, "--help"])
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0
    assert code == 0
    return shown.getvalue()


@pytest.mark.parametrize("command", sorted({command for document in DOCUMENTS for command in _commands(document)}))
def test_command_has_the_options_shown(command: str) -> None:
    words = shlex.split(command, comments=True)
    path = itertools.takewhile(re.compile(r"[a-z-]*[a-z]").fullmatch, words)
    shown = _help(*itertools.takewhile(lambda word: not word.startswith("-"), path))
    options = [word for word in words if word.startswith("-")]
    assert [option for option in options if not re.search(rf"(?<![\w-]){option}(?![\w-])", shown)] == []


@pytest.mark.slow
def test_commands_of_the_readme_write_their_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_pictures(tmp_path)
    monkeypatch.chdir(tmp_path)
    for command in _commands(README):
        assert main(shlex.split(command, comments=True)) == 0
    assert _size("out.png") == _size("mended.png") == (32, 24)
    assert _size("large.png") == (80, 60)


def test_python_example_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_pictures(tmp_path)
    monkeypatch.chdir(tmp_path)
    (example,) = [block for block in _blocks(README, "python") if "gradio_client" not in block]
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102 - the repository's own example
    assert _size("photo.png") == (32, 24)


@pytest.mark.slow
def test_python_examples_of_the_docs_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_pictures(tmp_path)
    monkeypatch.chdir(tmp_path)
    for example in _blocks(ROOT / "docs" / "python.md", "python"):
        exec(compile(example, "python.md", "exec"), {})  # noqa: S102
