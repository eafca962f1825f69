"""Which kind of damage the page chooses for a picture."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image, ImageFilter
from skimage import data

from restoration.service.door import Service
from restoration.types import Task
from restoration.ui import text
from restoration.ui.denoise import look_at


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[Task, str]:
    """The same photograph with each kind of damage that a picture tells of."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    clean = np.asarray(Image.fromarray(data.astronaut()).resize((256, 256), Image.Resampling.BOX))
    noisy = np.clip(clean + rng.normal(0, 12, clean.shape), 0, 255).astype(np.uint8)
    dots = np.where(rng.random(clean.shape) < 0.1, rng.choice(np.uint8([0, 255]), clean.shape), clean)
    paths = {Task.DENOISE: folder / "a.png", Task.SALT_AND_PEPPER: folder / "b.png", Task.DEJPEG: folder / "c.jpg"}
    Image.fromarray(noisy).save(paths[Task.DENOISE])
    Image.fromarray(dots).save(paths[Task.SALT_AND_PEPPER])
    Image.fromarray(clean).save(paths[Task.DEJPEG], quality=15)
    return {task: str(path) for task, path in paths.items()}


@pytest.mark.parametrize("before", [Task.DENOISE, Task.SALT_AND_PEPPER, Task.DEJPEG, Task.DEBLUR])
@pytest.mark.parametrize("task", [Task.DENOISE, Task.SALT_AND_PEPPER, Task.DEJPEG])
def test_damage_is_what_was_measured_whatever_came_before(
    service: Service, files: dict[Task, str], task: Task, before: Task
) -> None:
    _, chosen, models = look_at(service, files[task], before, is_chosen=False)
    if task is before:
        assert chosen == models == gr.skip()
    else:
        assert chosen == task
        known = {model for _, model in models["choices"]}
        assert known == {entry.info.id for entry in service.list_models(task)}
        assert models["value"] in known


@pytest.mark.parametrize("task", [Task.DENOISE, Task.SALT_AND_PEPPER, Task.DEJPEG])
def test_choice_of_the_user_stays(service: Service, files: dict[Task, str], task: Task) -> None:
    findings, *updates = look_at(service, files[task], Task.DEBLUR, is_chosen=True)
    assert "noise level" in findings
    assert updates == [gr.skip(), gr.skip()]


def test_blur_is_suggested_where_there_is_nothing_else(
    service: Service, files: dict[Task, str], tmp_path: Path
) -> None:
    soft = tmp_path / "soft.png"
    Image.fromarray(data.astronaut()).filter(ImageFilter.GaussianBlur(3)).save(soft)
    assert text.FOUND_LITTLE in look_at(service, str(soft), Task.DENOISE, is_chosen=False)[0]
    assert text.FOUND_LITTLE not in look_at(service, str(soft), Task.DEBLUR, is_chosen=True)[0]
    for file in files.values():
        assert text.FOUND_LITTLE not in look_at(service, file, Task.DENOISE, is_chosen=False)[0]


def test_unreadable_pictures_change_nothing(service: Service, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    for path in (str(broken), None):
        assert look_at(service, path, Task.DEJPEG, is_chosen=False) == ("", gr.skip(), gr.skip())
