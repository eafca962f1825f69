"""Whatever a model does to the rest of the picture, every door gives it back untouched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file

import restoration
from restoration.arrays import FloatArray, Mask
from restoration.cli.main import main
from restoration.images import read
from restoration.models.diffusion_inpaint import DiffusionInpaint
from restoration.service.door import Service
from restoration.types import Done, Parameters, RestoreRequest, Task
from restoration.ui import text
from restoration.ui.demo import build_demo
from tests.ui import pictures

MODEL = "telea"
Door = Callable[[Path, Path], np.ndarray]


@pytest.fixture(autouse=True)
def _repaints_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the model answer with the negative of the whole picture."""

    def negative(
        self: DiffusionInpaint, image: FloatArray, mask: Mask, *, parameters: Parameters
    ) -> Iterator[tuple[float, FloatArray]]:
        yield 1.0, 1 - image

    monkeypatch.setattr(DiffusionInpaint, "fill", negative)


@pytest.fixture
def page(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Door:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "files"))

    def through(photo: Path, mask: Path) -> np.ndarray:
        functions = build_demo(service).fns.values()
        (run,) = (each for each in functions if each.name == "run" and each.outputs[0].elem_id == "inpaint-slider")
        values = [getattr(each, "value", None) for each in run.inputs]
        labels = [getattr(each, "label", None) for each in run.inputs]
        values[:3] = ["ticket", str(photo), []]
        values[labels.index(text.MASK_FILE)] = str(mask)
        values[labels.index(text.MODEL)] = MODEL
        *_, last = run.fn(*values)
        return read(Path(last[2]["value"])).to_array()

    return through


@pytest.fixture
def api(client: Client) -> Door:
    def through(photo: Path, mask: Path) -> np.ndarray:
        file, _ = client.predict(
            image=handle_file(photo), mask=handle_file(mask), model=MODEL, feather_px=0, api_name="/inpaint"
        )
        return read(file).to_array()

    return through


@pytest.fixture
def command_line(tmp_path: Path) -> Door:
    def through(photo: Path, mask: Path) -> np.ndarray:
        out = tmp_path / "out.png"
        arguments = ["--task", "inpaint", "--model", MODEL, "--mask", str(mask)]
        assert main(["restore", str(photo), "-o", str(out), *arguments]) == 0
        return read(out).to_array()

    return through


@pytest.fixture
def python() -> Door:
    def through(photo: Path, mask: Path) -> np.ndarray:
        return restoration.restore(photo, task="inpaint", model=MODEL, mask=mask).picture.to_array()

    return through


@pytest.mark.parametrize("door", ["page", "api", "command_line", "python"])
def test_outside_of_the_mask_is_exact_for_a_model_that_repaints_everything(
    door: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    photo, mask = pictures.write_picture(tmp_path / "photo.png"), pictures.write_mask(tmp_path / "mask.png")
    through: Door = request.getfixturevalue(door)
    restored, before, holes = through(photo, mask), pictures.pixels(), pictures.mask()
    np.testing.assert_array_equal(restored[~holes], before[~holes])
    if door != "page":  # its fill is feathered
        np.testing.assert_array_equal(restored[holes], 255 - before[holes])
    assert (restored[holes] != before[holes]).any()


@pytest.mark.parametrize("feather_px", [0, 5])
def test_outside_of_the_mask_keeps_all_sixteen_bits(
    service: Service, rng: np.random.Generator, feather_px: int
) -> None:
    samples = rng.integers(0, 65536, (40, 60, 4), dtype=np.uint16)
    holes = np.zeros((40, 60), np.bool_)
    holes[10:30, 15:45] = True
    request = RestoreRequest(image=samples, task=Task.INPAINT, model=MODEL, mask=holes, feather_px=feather_px)
    *_, last = service.restore(request)
    assert isinstance(last, Done)
    restored = last.result.picture.to_array()
    np.testing.assert_array_equal(restored[~holes], samples[~holes])
    np.testing.assert_array_equal(restored[20, 30, :3], 65535 - samples[20, 30, :3])
