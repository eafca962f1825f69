"""The blur kernel of a run: found once for the whole picture, and shown wherever the result is."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restoration.algorithms import blind_kernel as kernel_estimate
from restoration.algorithms.convolution import defocus_kernel
from restoration.cli.main import main
from restoration.images import read_kernel
from restoration.service.deblurring import CRAMPED, NO_BLUR, find_kernel
from restoration.service.door import Service
from restoration.types import Done, RestoreRequest, RestoreResult, Task, as_mapping
from restoration.ui import api, status


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(records_path=tmp_path / "records.sqlite3", device="cpu")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Let every estimate be a disc; return the shapes of the pictures that were asked for."""
    shapes: list[tuple[int, ...]] = []

    def estimate(gray: np.ndarray, *, size_px: int) -> Generator[float, None, np.ndarray]:
        shapes.append(gray.shape)
        yield 1.0
        return defocus_kernel(size_px / 2 - 0.5)

    monkeypatch.setattr(kernel_estimate, "estimate_kernel", estimate)
    return shapes


def _deblurred(service: Service, image: np.ndarray, *, model: str = "wiener", **given: Any) -> RestoreResult:
    tile_px = given.pop("tile_px", None)
    request = RestoreRequest(image, Task.DEBLUR, model, as_mapping(given), tile_px=tile_px)
    return next(event.result for event in service.restore(request) if isinstance(event, Done))


@pytest.fixture
def image(rng: np.random.Generator) -> np.ndarray:
    coarse = Image.fromarray(rng.integers(0, 256, (18, 30, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((150, 90), Image.Resampling.BICUBIC))  # blurred, or no blur is looked for


def test_blur_is_estimated_once_for_the_whole_picture_which_is_not_tiled(
    service: Service, image: np.ndarray, found: list[tuple[int, ...]]
) -> None:
    given = {"blur": "estimate", "kernel_px": 9, "iterations": 1}
    result = _deblurred(service, image, model="richardson-lucy", tile_px=64, **given)
    assert found == [(90, 150)]
    assert result.stats.tiles == 1
    assert result.kernel is not None
    np.testing.assert_array_equal(result.kernel, defocus_kernel(4.0))
    assert result.notes == (CRAMPED,)


def test_described_blur_is_the_kernel_of_the_result(service: Service, image: np.ndarray) -> None:
    result = _deblurred(service, image, blur="defocus", radius=2)
    assert result.kernel is not None
    np.testing.assert_array_equal(result.kernel, defocus_kernel(2))


@pytest.mark.parametrize("model", ["wiener", "richardson-lucy", "plug-and-play-deblur"])
def test_flat_picture_stays_and_the_user_is_told(service: Service, model: str) -> None:
    flat = np.full((40, 50, 3), 90, np.uint8)
    result = _deblurred(service, flat, model=model, blur="estimate")
    np.testing.assert_array_equal(result.picture.to_array(), flat)
    assert result.notes == (NO_BLUR,)


def test_estimate_can_be_left_between_its_steps(image: np.ndarray, found: list[tuple[int, ...]]) -> None:
    steps = find_kernel(image.astype(np.float32) / 255, {"blur": "estimate", "kernel_px": 9})
    assert next(steps).message.startswith("Estimating")
    steps.close()
    assert found == []


def test_page_and_api_show_the_kernel(service: Service, image: np.ndarray) -> None:
    result = _deblurred(service, image, blur="defocus", radius=2)
    shown = status.outcome(result, file_name="a.png", file_bytes=1)
    assert 'src="data:image/png;base64,' in shown
    assert "5 × 5 px" in shown
    np.testing.assert_allclose(api._facts(result)["kernel"], defocus_kernel(2), atol=1e-6)
    without = dataclasses.replace(result, kernel=None)
    assert "<img" not in status.outcome(without, file_name="a.png", file_bytes=1)
    assert api._facts(without)["kernel"] is None


def test_command_line_saves_the_kernel(image: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo, kernel = tmp_path / "photo.png", tmp_path / "kernel.png"
    Image.fromarray(image).save(photo)
    command = ["restore", str(photo), "-o", str(tmp_path / "out.png"), "--save-kernel", str(kernel)]
    assert main([*command, "--task", "deblur", "--model", "wiener", "--blur", "defocus", "--radius", "2"]) == 0
    np.testing.assert_allclose(read_kernel(kernel), defocus_kernel(2), atol=1e-4)
    assert main([*command, "--task", "denoise", "--model", "adaptive-median"]) == 2
    assert "leave --save-kernel out" in capsys.readouterr().err
