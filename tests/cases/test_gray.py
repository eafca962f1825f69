"""A gray photo stays gray, whatever channels its file has: every model, 8 and 16 bits; a toned photo stays toned."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from skimage import data

from restoration.catalogue.manifest import load_manifest
from restoration.degradations.jpeg import compress_jpeg
from restoration.diagnosis import is_gray
from restoration.service.door import Service
from restoration.types import Done, ModelInfo, RestoreRequest, Task

_QUICK = {"iterations": 2, "views": 1, "blur": "gaussian", "scale": 2}
_MODELS = [
    pytest.param(info, task, id=f"{task}-{info.id}")
    for info in load_manifest()
    if info.is_built_in and not info.libraries and not info.is_anytime
    for task in info.tasks
]
GRAY = cv2.resize(data.camera(), (64, 48), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    return Service(records_path=tmp_path_factory.mktemp("records") / "records.sqlite3", device="cpu")


def _three(gray: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.repeat(gray[..., None], 3, axis=2).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("info", "task"), _MODELS)
def test_equal_channels_leave_equal(
    info: ModelInfo, task: Task, dtype: type, service: Service, rng: np.random.Generator
) -> None:
    dark = 0.25 if task is Task.LOW_LIGHT else 1.0
    noisy = np.clip(dark * GRAY + rng.normal(0, 0.06, GRAY.shape), 0, 1)
    image = np.rint(_three(noisy) * np.iinfo(dtype).max).astype(dtype)
    mask = np.zeros(GRAY.shape, np.uint8)
    mask[16:30, 20:40] = 255
    given = {name: value for name, value in _QUICK.items() if info.param(name) is not None}
    request = RestoreRequest(image, task, info.id, given, mask=mask if task is Task.INPAINT else None)
    result = next(event.result for event in service.restore(request) if isinstance(event, Done))
    assert np.ptp(result.picture.pixels, axis=2).max() <= 1 / 255


@pytest.mark.parametrize("sigma", [0.0, 0.004, 0.02])
@pytest.mark.parametrize("quality", [95, 75, 40])
def test_gray_photo_with_colour_noise_of_jpeg_is_gray(quality: int, sigma: float, rng: np.random.Generator) -> None:
    photo = _three(data.camera()[::2, ::2].astype(np.float32) / 255)
    noisy = np.clip(photo + rng.normal(0, sigma, photo.shape), 0, 1).astype(np.float32)
    assert is_gray(compress_jpeg(noisy, quality=quality))


@pytest.mark.parametrize("tone_255", [(2, 0, -2), (20, 4, -16), (-6, 0, 8)])
def test_toned_photo_is_not_gray(tone_255: tuple[int, ...]) -> None:
    photo = 0.1 + 0.8 * _three(data.camera()[::2, ::2].astype(np.float32) / 255)
    toned = photo + np.array(tone_255, np.float32) / 255
    assert not is_gray(toned)
    assert not is_gray(compress_jpeg(toned, quality=75))


def test_one_red_stroke_on_a_gray_photo_is_colour() -> None:
    photo = _three(data.camera().astype(np.float32) / 255)
    photo[100:103, 50:90] = (0.8, 0.1, 0.1)
    assert not is_gray(photo)


@pytest.mark.parametrize("share", [0.02, 0.005])
def test_colour_photo_in_the_dark_is_not_gray(share: float) -> None:
    dark = np.rint(share * data.coffee().astype(np.float32))
    assert not is_gray((dark / 255).astype(np.float32))


def test_sepia_comes_back_in_its_tone(service: Service, rng: np.random.Generator) -> None:
    sepia = np.clip(_three(GRAY) * np.array([1.0, 0.85, 0.65]), 0, 1)
    noisy = np.rint(255 * np.clip(sepia + rng.normal(0, 0.08, sepia.shape), 0, 1)).astype(np.uint8)
    event = list(service.restore(RestoreRequest(noisy, Task.DENOISE)))[-1]
    assert isinstance(event, Done)
    assert event.result.picture.pixels.mean(axis=(0, 1)) == pytest.approx(sepia.mean(axis=(0, 1)), abs=0.02)


def test_every_task_is_among_the_models() -> None:
    assert {param.values[1] for param in _MODELS} == set(Task)
