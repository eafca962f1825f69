"""The package as people install it: what it needs, what is in the wheel, and that it works from any folder."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from restoration.folders import assets_folder, weights_folder

ROOT = Path(__file__).resolve().parents[1]
LARGEST_WHEEL_BYTES = 90 * 2**20


def _built(target: str, folder: Path) -> Path:
    """Return the wheel that the build backend makes of this checkout: "wheel" or "editable"."""
    program = f"import hatchling.build as b; print(b.build_{target}({str(folder)!r}))"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_requirements_file_and_package_need_the_same() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    needed = [line for line in lines if line and not line.startswith("#")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["dependencies"] == needed


def test_checkout_finds_its_own_weights_and_assets() -> None:
    assert weights_folder() == ROOT / "weights"
    assert assets_folder() == ROOT / "assets"


@pytest.mark.slow
def test_editable_install_points_at_the_checkout(tmp_path: Path) -> None:
    with zipfile.ZipFile(_built("editable", tmp_path)) as wheel:
        (path_file,) = (name for name in wheel.namelist() if name.endswith(".pth"))
        assert wheel.read(path_file).decode().strip() == str(ROOT)


@pytest.mark.slow
def test_wheel_restores_and_builds_the_page_from_another_folder(tmp_path: Path) -> None:
    wheel = _built("wheel", tmp_path)
    assert wheel.stat().st_size < LARGEST_WHEEL_BYTES
    installed, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    assert (installed / "restoration" / "py.typed").exists()
    program = (
        "import numpy as np, restoration\n"
        "from restoration.folders import assets_folder, weights_folder\n"
        "from restoration.ui.demo import build_demo\n"
        "from restoration.ui.theme import STYLE_SHEET, page_head\n"
        "assert 'installed' in restoration.__file__\n"
        "assert weights_folder().is_relative_to(restoration.__path__[0])\n"
        "assert STYLE_SHEET.exists() and page_head() and any((assets_folder() / 'examples').iterdir())\n"
        "assert build_demo() is not None\n"
        "noisy = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)\n"
        "result = restoration.restore(noisy, task='denoise', model='ircnn', sigma=25)\n"
        "assert result.image.size == (32, 24)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed), "RESTORATION_HOME": str(tmp_path / "home")}
    subprocess.run([sys.executable, "-c", program], cwd=elsewhere, env=environment, check=True)
    listed = [sys.executable, "-m", "restoration", "models", "--task", "denoise"]
    answer = subprocess.run(listed, cwd=elsewhere, env=environment, check=True, capture_output=True, text=True)
    assert "resunet-color" in answer.stdout
