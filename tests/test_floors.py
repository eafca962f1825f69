"""A file imports downwards only, and the page is built without torch."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "restoration"

FLOORS = {
    "errors": 0,
    "arrays": 0,
    "folders": 0,
    "memory": 0.5,
    "images": 1,
    "degradations": 1,
    "metrics": 1,
    "networks": 1,
    "types": 1.5,
    "algorithms": 1.8,
    "weights": 2,
    "models.shared": 2.5,
    "devices": 2.8,
    "diagnosis": 2.8,
    "models": 3,
    "catalogue": 4,
    "engine": 5,
    "service": 6,
    "ui": 7,
    "lab": 7,
    "cli": 7.5,
    "__main__": 8,
}
"""Rooms by the number of their floor; a half floor is a room that its whole neighbours may use, or that uses them."""

OUTSIDE = {
    "gradio": ("ui",),
    "huggingface_hub": ("weights", "cli"),
    "sqlite3": ("service",),
    "basicsr": ("models", "lab"),
    "realesrgan": ("models", "lab"),
    "spandrel": ("models",),
    "torch": ("networks", "algorithms", "weights", "models", "devices", "catalogue", "engine", "lab", "cli"),
}


def _floor(module: str) -> tuple[str, float]:
    """Return the longest listed prefix of a module's name below the package, and its floor."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        if prefix in FLOORS:
            return prefix, FLOORS[prefix]
    raise AssertionError(f"{module} stands on no floor; give it one in FLOORS")


@functools.cache
def _modules() -> list[str]:
    names = (path.relative_to(PACKAGE).with_suffix("").parts for path in PACKAGE.rglob("*.py"))
    return sorted(
        ".".join(parts[:-1] if parts[-1] == "__init__" else parts) for parts in names if parts != ("__init__",)
    )


@functools.cache
def _imports(module: str) -> set[str]:
    """Return all modules a file names in import statements, also those inside functions."""
    path = PACKAGE / Path(*module.split("."))
    tree = ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} uses a relative import"
            names.add(node.module or "")
            if node.module == "restoration" or (node.module or "").startswith("restoration."):
                names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def _inside(module: str) -> set[str]:
    """Return the project's modules that a file imports, below the package's name."""
    known = set(_modules())
    found = {name.removeprefix("restoration.") for name in _imports(module) if name.startswith("restoration.")}
    return {name for name in found if name in known}


def test_modules_import_downwards_only() -> None:
    upwards = []
    for module in _modules():
        place, floor = _floor(module)
        for imported in _inside(module):
            other, other_floor = _floor(imported)
            if other_floor >= floor and other != place:
                upwards.append(f"{module} (floor {floor}) imports {imported} (floor {other_floor})")
    assert upwards == []


def test_no_model_imports_another_model() -> None:
    models = {name for name in _modules() if name.startswith("models.") and not name.startswith("models.shared")}
    assert [f"{module} imports {other}" for module in models for other in _inside(module) & models - {module}] == []


def test_libraries_are_imported_only_where_they_belong() -> None:
    astray = []
    for module in _modules():
        for name in _imports(module):
            allowed = OUTSIDE.get(name.split(".")[0])
            if allowed is not None and module.split(".")[0] not in allowed:
                astray.append(f"{module} imports {name}")
    assert astray == []


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (["--help"], ["torch", "gradio", "numpy", "cv2", "PIL", "scipy", "skimage"]),
        (["train", "--help"], ["torch", "gradio", "numpy", "cv2", "PIL", "scipy", "skimage"]),
        (["serve", "--help"], ["torch", "gradio", "numpy", "cv2", "PIL", "scipy", "skimage"]),
        (["restore", "--help"], ["torch", "gradio", "scipy.signal", "skimage"]),
        (["models"], ["torch", "gradio", "scipy.signal", "skimage"]),
        (["weights", "list"], ["torch", "gradio", "scipy.signal", "skimage"]),
    ],
    ids=" ".join,
)
def test_command_line_starts_without_what_it_does_not_need(words: list[str], absent: list[str]) -> None:
    program = (
        "import sys; from restoration.cli.main import main; code = main(sys.argv[2:]); "
        "here = sorted(set(sys.argv[1].split(',')) & set(sys.modules)); assert not here, here; sys.exit(code)"
    )
    command = [sys.executable, "-c", program, ",".join(absent), *words]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def test_page_is_built_without_torch() -> None:
    program = "import sys, app; assert app.demo is not None; assert 'torch' not in sys.modules, 'torch was imported'"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
