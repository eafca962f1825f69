"""The only door, with methods that need no weights."""

from __future__ import annotations

import dataclasses
import io
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from restoration import restore
from restoration.catalogue.manifest import load_manifest
from restoration.engine.base import Answer, Engine, JobRequest
from restoration.errors import (
    DeadlinePassed,
    ImageTooLarge,
    InvalidMask,
    InvalidParameter,
    InvalidRequest,
    ModelUnavailable,
    OutOfMemory,
    UnknownModel,
    WeightsUnavailable,
)
from restoration.images import Picture, read
from restoration.service.choice import status_of
from restoration.service.door import Service
from restoration.service.passes import Passes, TakeSignal
from restoration.service.plan import Plan, make_plan
from restoration.service.records import Records
from restoration.service.run_log import RunLog
from restoration.types import (
    Done,
    Event,
    ModelInfo,
    Progress,
    RestoreRequest,
    RestoreResult,
    RunStats,
    Task,
    WeightFile,
    as_mapping,
)

MANIFEST = {info.id: info for info in load_manifest()}


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(records_path=tmp_path / "records.sqlite3", device="cpu")


@pytest.fixture
def photo(rng: np.random.Generator) -> Image.Image:
    return Image.fromarray(rng.integers(0, 256, (40, 56, 3), dtype=np.uint8))


def _run(service: Service, image: Any, task: Task, **fields: Any) -> RestoreResult:
    events = list(service.restore(RestoreRequest(image=image, task=task, **fields)))
    assert isinstance(events[-1], Done)
    return events[-1].result


def _mask(size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", size)
    mask.paste(255, (10, 10, 20, 22))
    return mask


def test_every_task_has_a_method_without_weights(service: Service, photo: Image.Image) -> None:
    for task in Task:
        status = next(status for status in service.list_models(task) if status.info.kind == "classical")
        assert status.is_available
        mask = _mask(photo.size) if task is Task.INPAINT else None
        result = _run(service, photo, task, model=status.info.id, mask=mask)
        assert result.picture.pixels.dtype == np.float32
        assert 0 <= result.picture.pixels.min() <= result.picture.pixels.max() <= 1


def test_gray_stays_gray(service: Service, photo: Image.Image) -> None:
    result = _run(service, photo.convert("L"), Task.SUPER_RESOLUTION, model="lanczos", parameters={"scale": 2})
    assert result.image.mode == "L"
    assert result.image.size == (112, 80)


def test_sixteen_bit_leaves_as_sixteen_bit(service: Service, rng: np.random.Generator, tmp_path: Path) -> None:
    samples = rng.integers(0, 65536, (20, 30, 3), dtype=np.uint16)
    result = _run(service, samples, Task.SUPER_RESOLUTION, model="lanczos", parameters={"scale": 2})
    for name in ("out.png", "out.tiff"):
        back = read(result.save(tmp_path / name))
        assert back.bit_depth == 16
        np.testing.assert_array_equal(back.to_array(), result.picture.to_array())


def test_constant_alpha_is_kept_exactly(service: Service, photo: Image.Image) -> None:
    photo.putalpha(137)
    result = _run(service, photo, Task.SUPER_RESOLUTION, model="lanczos", parameters={"scale": 2})
    assert set(np.unique(np.asarray(result.image)[..., 3])) == {137}


def test_shaped_alpha_is_enlarged_beside_the_colours_without_a_halo(service: Service) -> None:
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[8:24, 8:24] = (200, 60, 40, 255)  # a red square on transparent black
    result = _run(service, pixels, Task.SUPER_RESOLUTION, model="lanczos", parameters={"scale": 2})
    restored = np.asarray(result.image)
    assert (restored[..., 3] > 127).sum() == 32 * 32
    visible = restored[..., 3] > 16
    assert np.abs(restored[visible][:, :3].astype(int) - (200, 60, 40)).max() <= 2


def test_shaped_alpha_is_not_optimised_for_minutes_once_more(service: Service) -> None:
    pixels = np.full((16, 16, 4), 255, np.uint8)
    pixels[:8, :, 3] = 0
    fields = {"model": "deep-image-prior-sr", "parameters": {"scale": 2, "iterations": 20}}
    result = _run(service, pixels, Task.SUPER_RESOLUTION, **fields)
    assert result.picture.alpha is not None
    assert result.picture.alpha.shape == (32, 32)
    np.testing.assert_allclose(result.picture.alpha[[0, -1]], [[0] * 32, [1] * 32], atol=1e-3)
    assert result.stats.tiles == 1


def test_alpha_is_untouched_where_the_size_stays(
    service: Service, photo: Image.Image, rng: np.random.Generator
) -> None:
    alpha = rng.integers(0, 256, (40, 56), dtype=np.uint8)
    photo.putalpha(Image.fromarray(alpha))
    result = _run(service, photo, Task.DENOISE, model="adaptive-median")
    np.testing.assert_array_equal(np.asarray(result.image)[..., 3], alpha)


@pytest.mark.parametrize("model", ["telea", "navier-stokes"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pixels_outside_the_mask_stay_bit_exact(
    service: Service, rng: np.random.Generator, model: str, dtype: type[np.unsignedinteger[Any]]
) -> None:
    samples = rng.integers(0, np.iinfo(dtype).max, (40, 56, 3), dtype=dtype, endpoint=True)
    mask = np.zeros((40, 56), bool)
    mask[10:22, 10:20] = True
    result = _run(service, samples, Task.INPAINT, model=model, mask=mask)
    restored = result.picture.to_array()
    np.testing.assert_array_equal(restored[~mask], samples[~mask])
    assert (restored[mask] != samples[mask]).any()


def test_inpainting_without_a_mask_is_refused(service: Service, photo: Image.Image) -> None:
    with pytest.raises(InvalidMask, match="paint over"):
        _run(service, photo, Task.INPAINT)


def test_mask_of_another_size_is_refused_with_both_sizes(service: Service, photo: Image.Image) -> None:
    with pytest.raises(InvalidMask, match=r"Mask is 30x20 px but the image is 56x40 px"):
        _run(service, photo, Task.INPAINT, mask=Image.new("L", (30, 20), 255))


def test_mask_for_another_task_is_refused(service: Service, photo: Image.Image) -> None:
    with pytest.raises(InvalidMask, match="only for inpainting"):
        _run(service, photo, Task.DENOISE, mask=_mask(photo.size))


def test_misspelt_model_is_refused_with_a_suggestion(service: Service, photo: Image.Image) -> None:
    with pytest.raises(UnknownModel, match="did you mean adaptive-median"):
        _run(service, photo, Task.DENOISE, model="adaptive-meidan")


def test_model_of_another_task_is_refused(service: Service, photo: Image.Image) -> None:
    with pytest.raises(UnknownModel, match="is for super-resolution, not for denoise"):
        _run(service, photo, Task.DENOISE, model="lanczos")


def test_parameter_out_of_range_is_refused(service: Service, photo: Image.Image) -> None:
    with pytest.raises(InvalidParameter, match="scale"):
        _run(service, photo, Task.SUPER_RESOLUTION, model="lanczos", parameters={"scale": 17})


def test_unknown_task_is_refused(photo: Image.Image) -> None:
    with pytest.raises(InvalidRequest, match="choose one of denoise"):
        restore(photo, task="polish")


def _limited(megapixels: float) -> ModelInfo:
    return dataclasses.replace(MANIFEST["adaptive-median"], max_megapixels=megapixels)


def test_picture_above_the_limit_is_refused_with_the_limit(tmp_path: Path, photo: Image.Image) -> None:
    service = Service(models=[_limited(0.001)], records_path=tmp_path / "r.sqlite3")
    with pytest.raises(ImageTooLarge, match=r"at most 0.001 megapixels but the picture has 56x40 px") as caught:
        _run(service, photo, Task.DENOISE)
    assert caught.value.limit == 1000


def test_picture_above_the_limit_is_fitted_on_request_and_the_usertold(tmp_path: Path, photo: Image.Image) -> None:
    service = Service(models=[_limited(0.001)], records_path=tmp_path / "r.sqlite3")
    result = _run(service, photo, Task.DENOISE, fit=True)
    assert result.picture.width * result.picture.height <= 1000
    assert "Shrunk from 56x40 px" in result.notes[0]


def test_output_above_the_limit_is_refused_before_any_work(service: Service) -> None:
    huge = Picture(pixels=np.zeros((5000, 4900, 3), np.float32))
    with pytest.raises(ImageTooLarge, match="megapixels"):
        _run(service, huge, Task.SUPER_RESOLUTION, model="lanczos", parameters={"scale": 4})


def test_run_is_recorded_without_any_name(service: Service, photo: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "secret-name.png"
    photo.save(path)
    _run(service, path, Task.DENOISE, model="adaptive-median")
    (row,) = service.list_records()
    assert (row.task, row.model, row.width, row.height, row.outcome) == ("denoise", "adaptive-median", 56, 40, "done")
    assert row.run_s > 0
    assert "secret-name" not in service.records_csv()


def test_cancelled_run_is_recorded_as_cancelled(service: Service, photo: Image.Image) -> None:
    with closing(service.restore(RestoreRequest(image=photo, task=Task.DENOISE, model="adaptive-median"))) as events:
        next(events)
    assert [row.outcome for row in service.list_records()] == ["cancelled"]


def test_result_is_not_lost_when_the_record_cannot_be_written(
    service: Service, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Records, "add", full_disk)
    result = _run(service, photo, Task.DENOISE, model="adaptive-median")
    assert "could not be added" in result.notes[-1]


def _without_weights(tmp_path: Path) -> Service:
    """A service whose default denoiser has lost its built-in weights."""
    lost = WeightFile(role="net", path="lost.safetensors")
    broken = dataclasses.replace(MANIFEST["resunet-color"], files=(lost,))
    return Service(models=[broken, MANIFEST["adaptive-median"]], records_path=tmp_path / "r.sqlite3")


def test_model_without_its_weights_is_refused_and_recorded(tmp_path: Path, photo: Image.Image) -> None:
    service = _without_weights(tmp_path)
    assert [status.is_available for status in service.list_models()] == [False, True]
    with pytest.raises(WeightsUnavailable, match=r"lost\.safetensors"):
        _run(service, photo, Task.DENOISE, model="resunet-color")
    assert [row.outcome for row in service.list_records()] == ["WeightsUnavailable"]


def test_default_that_is_not_available_is_passed_over_aloud(tmp_path: Path, photo: Image.Image) -> None:
    result = _run(_without_weights(tmp_path), photo, Task.DENOISE)
    assert result.model.id == "adaptive-median"
    assert "passed over" in result.notes[0]


def test_library_that_does_not_import_makes_only_its_model_unavailable(tmp_path: Path, photo: Image.Image) -> None:
    absent = dataclasses.replace(MANIFEST["adaptive-median"], id="absent", factory="absent_library:build")
    service = Service(models=[absent, MANIFEST["adaptive-median"]], records_path=tmp_path / "r.sqlite3")
    with pytest.raises(ModelUnavailable, match="does not import"):
        _run(service, photo, Task.DENOISE, model="absent")
    _run(service, photo, Task.DENOISE, model="adaptive-median")


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        ({"scale": 3}, (168, 120)),
        ({"scale": 1}, (56, 40)),
        ({"scale": 1.2}, (67, 48)),
        ({"scale": 2.3}, (129, 92)),
        ({"scale": 2.5}, (140, 100)),
        ({"scale": 7.5}, (420, 300)),
        ({"width_px": 140}, (140, 100)),
        ({"height_px": 100}, (140, 100)),
        ({"long_side_px": 100}, (100, 71)),
        ({"megapixels": 0.1}, (374, 267)),
    ],
    ids=str,
)
def test_any_output_size_is_reached(
    service: Service, photo: Image.Image, parameters: dict[str, float], size: tuple[int, int]
) -> None:
    result = _run(service, photo, Task.SUPER_RESOLUTION, parameters=parameters)
    assert result.image.size == size
    assert result.model.id == "edsr-lite"


@pytest.mark.parametrize("model", ["lanczos", "edsr-lite", "compact-web"])
def test_alpha_and_depth_come_along_to_any_size(service: Service, rng: np.random.Generator, model: str) -> None:
    samples = rng.integers(0, 65536, (20, 30, 4), dtype=np.uint16)
    result = _run(service, samples, Task.SUPER_RESOLUTION, model=model, parameters={"scale": 2.5})
    assert result.picture.to_array().shape == (50, 75, 4)
    assert result.picture.bit_depth == 16


@pytest.mark.parametrize("model", ["lanczos", "edsr-lite", "compact-web"])
def test_tiny_gray_picture_is_enlarged_and_stays_gray(service: Service, rng: np.random.Generator, model: str) -> None:
    samples = rng.integers(0, 256, (8, 8), dtype=np.uint8)
    result = _run(service, samples, Task.SUPER_RESOLUTION, model=model, parameters={"scale": 4})
    assert result.picture.to_array().shape == (32, 32)


@pytest.mark.parametrize("has_alpha", [False, True])
def test_strength_of_an_upscaler_leads_from_plain_enlarging_to_its_answer(
    service: Service, rng: np.random.Generator, has_alpha: bool
) -> None:
    samples = rng.integers(0, 256, (20, 30, 4), dtype=np.uint8)
    image = Image.fromarray(samples if has_alpha else samples[..., :3])

    def enlarged(model: str, **parameters: float) -> RestoreResult:
        return _run(service, image, Task.SUPER_RESOLUTION, model=model, parameters={"scale": 3, **parameters})

    plain, whole = enlarged("lanczos"), enlarged("compact-web")
    none, half = (enlarged("compact-web", strength=strength) for strength in (0, 0.5))
    np.testing.assert_allclose(none.picture.pixels, plain.picture.pixels, atol=1e-5)
    expected = (plain.picture.pixels + whole.picture.pixels) / 2
    np.testing.assert_allclose(half.picture.pixels, expected, atol=2e-3)  # with alpha, invisible colours are spread
    assert none.consistency_db == pytest.approx(plain.consistency_db, abs=0.01)


def test_passes_after_the_first_are_told_of_no_damage(service: Service, photo: Image.Image) -> None:
    request = RestoreRequest(
        image=photo, task=Task.SUPER_RESOLUTION, parameters=as_mapping({"scale": 8, "sigma": 20, "quality": 30})
    )
    plan = make_plan(request, Task.SUPER_RESOLUTION, MANIFEST["compact-web"], notes=(), time_limit_s=None)
    told = [(each["scale"], each["sigma"], each["quality"]) for each in plan.passes]
    assert told == [(4, 20, 30), (2, 0, 95)]
    assert [(each["sigma"], each["quality"]) for each in plan.passes_without_damage] == [(0, 95), (0, 95)]


def test_model_whose_library_is_missing_says_so(service: Service) -> None:
    absent = dataclasses.replace(MANIFEST["median"], libraries=("no_such_library",))
    here = dataclasses.replace(MANIFEST["median"], libraries=("numpy",))
    assert not status_of(absent, {}).is_available
    assert "pip install no_such_library" in status_of(absent, {}).reason
    assert status_of(here, {}).is_available


def test_refusal_by_the_factor_names_the_factor(service: Service) -> None:
    large = Image.new("RGB", (1600, 1200))
    words = r"at a factor of 8 takes at most 1 megapixels .* choose a smaller factor"
    with pytest.raises(ImageTooLarge, match=words):
        _run(service, large, Task.SUPER_RESOLUTION, model="edsr-lite", parameters={"scale": 8})


def test_room_for_a_picture_is_given_back(tmp_path: Path, photo: Image.Image) -> None:
    service = Service(records_path=tmp_path / "records.sqlite3", device="cpu", picture_bytes=1)
    with service.room_for(1000):
        events = service.restore(RestoreRequest(image=photo, task=Task.SUPER_RESOLUTION, model="bicubic"))
        while "Other large pictures" not in next(events).message:
            pass
    assert isinstance(list(events)[-1], Done)


def test_eight_times_takes_two_passes_and_says_so(service: Service, photo: Image.Image) -> None:
    result = _run(service, photo, Task.SUPER_RESOLUTION, parameters={"scale": 8})
    assert result.image.size == (448, 320)
    assert any("4 times and then 2 times" in note for note in result.notes)
    assert result.weights.count("+") == 1


class _Job:
    """A job that tells of half of its work, of the whole, and gives its pixels back."""

    def __init__(self, pixels: np.ndarray) -> None:
        stats = RunStats(device="cpu", dtype="float32", queue_s=0, run_s=1, tiles=1, peak_bytes=None)
        halfway, whole = Progress(0.5, "Restoring", 1.0), Progress(1.0, "Restoring", 0.0)
        self._events = iter((halfway, whole, Answer(pixels, stats, ("once",), weights="abc")))

    def __iter__(self) -> Iterator[Progress | Answer]:
        return self._events

    def __next__(self) -> Progress | Answer:
        return next(self._events)

    def take(self) -> None:
        raise AssertionError("nobody takes it")

    def close(self) -> None:
        pass


class _Echo:
    """An engine that gives every picture back as it is."""

    def run(self, request: JobRequest) -> _Job:
        return _Job(request.pixels)

    def load(self, info: ModelInfo, parameters: object) -> None:
        pass

    def close(self) -> None:
        raise AssertionError("an engine is closed by who gave it")


def test_remaining_time_counts_the_passes_to_come() -> None:
    plan = SimpleNamespace(
        info=dataclasses.replace(MANIFEST["lanczos"], params=()),
        passes=({"scale": 4}, {"scale": 2}),
        precision="auto",
        mask=None,
        kernel=None,
        tile_px=None,
        deadline_s=None,
        enlargement=None,
        is_left=False,
        dots=None,
    )
    run = RunLog(cast("Plan", plan))
    passes = Passes(_Echo(), cast("Plan", plan), run, take=TakeSignal())
    events = list(passes.restore(np.zeros((4, 4, 3), np.float32), first=0.0, share=1.0))
    times = [event.eta_s for event in events if isinstance(event, Progress)]
    assert times == pytest.approx([33.0, 32.0, 1.0, 0.0])  # the second pass has 16 times the pixels; 2 s a pass
    assert run.notes == ("once",)
    assert run.weights == "abc"


def test_service_restores_on_the_engine_that_it_is_given(tmp_path: Path, photo: Image.Image) -> None:
    engine: Engine = _Echo()
    service = Service(records_path=tmp_path / "records.sqlite3", engine=engine)
    result = _run(service, photo, Task.DENOISE, model="adaptive-median")
    np.testing.assert_array_equal(result.picture.to_array(), np.asarray(photo))
    assert result.weights == "abc"
    service.close()


def test_faithful_enlargement_gives_the_original_back_when_shrunk(service: Service) -> None:
    from skimage import data

    cat = data.chelsea()[:96, :128]
    result = _run(service, cat, Task.SUPER_RESOLUTION, model="lanczos", parameters={"scale": 4})
    assert result.consistency_db is not None
    assert result.consistency_db > 35
    assert _run(service, cat, Task.DENOISE, model="adaptive-median").consistency_db is None


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"width_px": 500}, "The width must be from 56 to 448"),
        ({"height_px": 39}, "The height must be from 40 to 320"),
        ({"long_side_px": 40}, "from 56 to 448"),
        ({"long_side_px": 4000}, "from 56 to 448"),
        ({"megapixels": 10}, "for a picture of 56x40 px"),
        ({"megapixels": 1, "long_side_px": 100}, "The long side and the megapixels .* set all but one to 0"),
        ({"width_px": 100, "height_px": 100}, "The width and the height cannot be chosen together"),
    ],
    ids=str,
)
def test_size_out_of_reach_is_refused_with_the_range(
    service: Service, photo: Image.Image, parameters: dict[str, float], words: str
) -> None:
    with pytest.raises(InvalidParameter, match=words):
        _run(service, photo, Task.SUPER_RESOLUTION, parameters=parameters)


def test_way_through_too_many_pixels_is_refused(
    service: Service, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restoration.service.plan.MAX_OUTPUT_PIXELS", 20_000)
    with pytest.raises(ImageTooLarge, match="choose a smaller size"):
        _run(service, photo, Task.SUPER_RESOLUTION, model="edsr-lite", parameters={"long_side_px": 150})


def test_many_users_at_once_get_their_own_pictures(service: Service, rng: np.random.Generator) -> None:
    pictures = [rng.integers(0, 256, (16 + n, 20, 3), dtype=np.uint8) for n in range(8)]
    answers: dict[int, RestoreResult] = {}

    def user(number: int) -> None:
        request = {"model": "lanczos", "parameters": {"scale": 2}}
        answers[number] = _run(service, pictures[number], Task.SUPER_RESOLUTION, **request)

    threads = [threading.Thread(target=user, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    alone = Service(records_path=service._records.path, device="cpu")
    for number, picture in enumerate(pictures):
        expected = _run(alone, picture, Task.SUPER_RESOLUTION, model="lanczos", parameters={"scale": 2})
        np.testing.assert_array_equal(answers[number].picture.pixels, expected.picture.pixels)


def test_python_door_takes_a_path_and_returns_a_pil_image(photo: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    photo.save(path)
    result = restore(path, task="super-resolution", model="lanczos", scale=2)
    assert result.image.size == (112, 80)


def test_png_holds_the_recipe_that_makes_it_again(service: Service, photo: Image.Image, tmp_path: Path) -> None:
    result = _run(service, photo, Task.SUPER_RESOLUTION, model="lanczos", parameters={"scale": 2})
    with Image.open(result.save(tmp_path / "large.png")) as image:
        recipe = json.loads(image.info["Description"])
    assert recipe["software"].startswith("restoration ")
    assert (recipe["task"], recipe["model"], recipe["scale"]) == ("super-resolution", "lanczos", 2)


def test_run_past_the_time_limit_is_given_up_and_recorded(tmp_path: Path, photo: Image.Image) -> None:
    service = Service(records_path=tmp_path / "records.sqlite3", device="cpu", time_limit_s=0.0)
    with pytest.raises(DeadlinePassed, match="time limit"):
        _run(service, photo, Task.SUPER_RESOLUTION, model="lanczos", parameters={"scale": 2})
    assert service.list_records()[0].outcome == "DeadlinePassed"
    service.close()


def _endless(*_: object) -> Iterator[Progress]:
    while True:
        yield Progress(0.0, "Estimating")


def test_few_kernels_are_estimated_at_a_time_and_a_cancelled_one_makes_room(
    tmp_path: Path, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restoration.service.execution.find_kernel", _endless)
    monkeypatch.setattr("restoration.service.execution.os.cpu_count", lambda: 2)
    service = Service(records_path=tmp_path / "records.sqlite3", device="cpu")
    blurred = photo.filter(ImageFilter.GaussianBlur(2))
    given = as_mapping({"blur": "estimate"})
    request = RestoreRequest(image=blurred, task=Task.DEBLUR, model="wiener", parameters=given)
    with closing(service.restore(request)) as second:
        with closing(service.restore(request)) as first:
            assert _message(first) == "Estimating"
            assert "is being estimated first" in _message(second)
        assert _message(second) == "Estimating"
    service.close()


def _message(events: Iterator[Event]) -> str:
    """Return the next message about an estimate."""
    messages = (event.message for event in events if isinstance(event, Progress))
    return next(message for message in messages if "stimat" in message)


def test_time_limit_also_ends_the_estimate_of_a_kernel(
    tmp_path: Path, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restoration.service.execution.find_kernel", _endless)
    service = Service(records_path=tmp_path / "records.sqlite3", device="cpu", time_limit_s=0.0)
    with pytest.raises(DeadlinePassed):
        _run(service, photo, Task.DEBLUR, model="wiener", parameters={"blur": "estimate"})
    service.close()


def test_crash_is_recorded_by_its_name(service: Service, photo: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("restoration.models.interpolation.build", crash)
    with pytest.raises(ZeroDivisionError):
        _run(service, photo, Task.SUPER_RESOLUTION, model="lanczos", parameters={"scale": 2})
    assert service.list_records()[0].outcome == "ZeroDivisionError"


def test_what_was_shrunk_to_fit_is_measured_after_that(tmp_path: Path, rng: np.random.Generator) -> None:
    info = dataclasses.replace(MANIFEST["non-local-means"], max_megapixels=0.04)
    service = Service(models=[info], records_path=tmp_path / "records.sqlite3", device="cpu")
    noisy = np.clip(rng.normal(128, 25, (600, 600, 3)), 0, 255).astype(np.uint8)
    result = _run(service, noisy, Task.DENOISE, model="non-local-means", fit=True)
    assert float(result.parameters["sigma"]) < 15
    service.close()


def test_forecast_comes_from_the_runs_of_this_machine(service: Service, photo: Image.Image) -> None:
    assert service.forecast("lanczos", pixels=1000) is None
    _run(service, photo, Task.SUPER_RESOLUTION, model="lanczos", parameters={"scale": 2})
    expected = service.forecast("lanczos", pixels=photo.width * photo.height)
    assert expected is not None
    assert expected.run_s == pytest.approx(service.list_records()[0].run_s, abs=1e-3)
    assert service.forecast("no-such-model", pixels=1000) is None


def test_preview_is_sent_where_it_is_asked_for(
    service: Service, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restoration.engine.local.job_state._PREVIEW_EVERY_S", 0.0)
    given = as_mapping({"sigma": 10})
    image = photo.resize((300, 300))
    request = RestoreRequest(image, Task.DENOISE, "non-local-means", given, tile_px=128, has_preview=True)
    previews = [event.preview for event in service.restore(request) if isinstance(event, Progress)]
    shown = [preview for preview in previews if preview is not None]
    assert shown
    assert shown[0].shape == (300, 300, 3)


def test_closed_service_works_again(service: Service, photo: Image.Image) -> None:
    for _ in range(2):
        _run(service, photo, Task.SUPER_RESOLUTION, model="lanczos", parameters={"scale": 2})
        service.close()


def test_jpeg_quality_is_read_from_the_file_where_none_is_given(service: Service, photo: Image.Image) -> None:
    stream = io.BytesIO()
    photo.save(stream, "JPEG", quality=17)
    assert _run(service, stream.getvalue(), Task.DEJPEG).parameters["quality"] == 17
    assert _run(service, stream.getvalue(), Task.DEJPEG, parameters={"quality": 60}).parameters["quality"] == 60
    assert _run(service, photo, Task.DEJPEG, model="jpeg-deblock").parameters["quality"] == 40


def test_noise_level_is_measured_where_none_is_given(service: Service, rng: np.random.Generator) -> None:
    from skimage import data

    noisy = data.chelsea()[:256, :256] / 255 + 0.1 * rng.standard_normal((256, 256, 3))
    measured = _run(service, noisy.clip(0, 1).astype(np.float32), Task.DENOISE, model="non-local-means")
    assert measured.parameters["sigma"] == pytest.approx(25.5, rel=0.2)
    told = _run(service, noisy.clip(0, 1).astype(np.float32), Task.DENOISE, parameters={"sigma": 7})
    assert told.parameters["sigma"] == 7


def test_strength_mixes_the_answer_with_the_original(service: Service, photo: Image.Image) -> None:
    def run(strength: float) -> RestoreResult:
        return _run(service, photo, Task.DENOISE, model="adaptive-median", parameters={"strength": strength})

    whole, half, none = run(1), run(0.5), run(0)
    expected = (whole.original.pixels + whole.answer) / 2
    np.testing.assert_allclose(half.picture.pixels, expected, atol=1e-6)
    np.testing.assert_array_equal(none.picture.to_array(), np.asarray(photo))
    np.testing.assert_array_equal(whole.picture.pixels, whole.answer)
    assert half.parameters["strength"] == 0.5


def test_fit_shrinks_what_is_larger_than_any_picture_may_be(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restoration.service.plan.MAX_PIXELS", 1000)
    pixels = np.zeros((40, 50, 3), np.uint8)
    with pytest.raises(ImageTooLarge):
        _run(service, pixels, Task.SUPER_RESOLUTION, model="bicubic", parameters={"scale": 2})
    result = _run(service, pixels, Task.SUPER_RESOLUTION, model="bicubic", parameters={"scale": 2}, fit=True)
    assert result.picture.width == 100


def test_user_is_told_which_model_took_the_place_of_the_default(photo: Image.Image, tmp_path: Path) -> None:
    fixed = dataclasses.replace(MANIFEST["edsr-lite"], params=())
    service = Service(models=[fixed, MANIFEST["lanczos"]], records_path=tmp_path / "records.sqlite3", device="cpu")
    result = _run(service, photo, Task.SUPER_RESOLUTION, parameters={"scale": 3})
    assert "does not take these settings" in result.notes[0]


def test_model_that_is_no_text_is_refused(service: Service, photo: Image.Image) -> None:
    with pytest.raises(UnknownModel, match="named by a text"):
        _run(service, photo, Task.DENOISE, model=5)


def test_kernel_picture_takes_the_place_of_its_parameters(service: Service, photo: Image.Image) -> None:
    spot = np.zeros((9, 9), np.uint8)
    spot[4, 2:7] = 255
    by_picture = _run(service, photo, Task.DEBLUR, model="wiener", kernel=spot)
    other = _run(service, photo, Task.DEBLUR, model="wiener", parameters={"blur": "gaussian"})
    assert (by_picture.picture.pixels != other.picture.pixels).any()


def test_unfit_kernel_is_refused(service: Service, photo: Image.Image) -> None:
    spot = np.full((5, 5), 255, np.uint8)
    with pytest.raises(InvalidRequest, match="takes no blur kernel"):
        _run(service, photo, Task.DENOISE, model="adaptive-median", kernel=spot)
    with pytest.raises(InvalidParameter, match="black"):
        _run(service, photo, Task.DEBLUR, model="wiener", kernel=spot * 0)
    with pytest.raises(InvalidParameter, match="at most 129 px"):
        _run(service, photo, Task.DEBLUR, model="wiener", kernel=np.ones((200, 5), np.uint8))


@pytest.mark.parametrize(
    ("model", "side", "views"),
    [
        ("resunet-color", 40, 8),
        ("resunet-color", 600, 4),
        ("resunet-color", 900, 2),
        ("resunet-color", 1200, 1),
        ("edsr-lite", 256, 8),
        ("edsr-lite", 360, 4),
        ("edsr-lite", 512, 1),
    ],
)
def test_small_pictures_are_seen_more_often(model: str, side: int, views: int) -> None:
    from restoration.catalogue.parameters import complete, resolve_auto
    from restoration.service.plan import measure

    picture, info = Picture(np.zeros((side, side, 3), np.float32)), MANIFEST[model]
    settled = resolve_auto(info, complete(info, {}), tell=lambda name: measure(picture, info, name))
    assert settled["views"] == views


def test_views_are_weighed_by_the_known_work_of_a_model() -> None:
    assert all(info.macs_per_pixel > 0 for info in MANIFEST.values() if info.param("views"))


def test_anytime_model_ends_with_what_there_is(service: Service, photo: Image.Image) -> None:
    request = RestoreRequest(
        image=photo,
        task=Task.DENOISE,
        model="deep-image-prior",
        parameters={"iterations": 20_000, "minutes": 60, "sigma": 25},
    )
    events = []
    restoration = service.restore(request)
    for event in restoration:
        events.append(event)
        if isinstance(event, Progress) and event.fraction > 0:
            restoration.take()
    assert isinstance(events[-1], Done)
    assert "Taken after" in events[-1].result.notes[-1]


def test_model_that_is_not_anytime_takes_no_notice(service: Service, photo: Image.Image) -> None:
    request = RestoreRequest(image=photo, task=Task.DEBLUR, model="richardson-lucy", parameters={"iterations": 2})
    restoration = service.restore(request)
    restoration.take()
    *_, last = restoration
    assert isinstance(last, Done)
    assert not any("Taken" in note for note in last.result.notes)


def test_feather_passes_from_the_original_into_the_fill_inside_the_mask(service: Service) -> None:
    pixels = np.full((40, 40, 3), 100, np.uint8)
    pixels[15:25, 15:25] = 250
    mask = np.zeros((40, 40), np.uint8)
    mask[12:28, 12:28] = 255
    sharp, soft = (
        next(
            event.result.picture.to_array()
            for event in service.restore(
                RestoreRequest(image=pixels, task=Task.INPAINT, model="telea", mask=mask, feather_px=feather_px)
            )
            if isinstance(event, Done)
        )
        for feather_px in (0, 6)
    )
    np.testing.assert_array_equal(soft[mask == 0], pixels[mask == 0])
    assert sharp[16, 16, 0] == 100
    assert soft[16, 16, 0] == pytest.approx(250 - 150 * 5 / 7, abs=2)
    assert soft[20, 20, 0] == 100


def test_feather_out_of_range_is_refused(service: Service) -> None:
    mask = 255 * np.eye(8, dtype=np.uint8)
    request = RestoreRequest(image=np.zeros((8, 8, 3), np.uint8), task=Task.INPAINT, mask=mask, feather_px=-1)
    with pytest.raises(InvalidRequest, match="0 to 100 px but is -1"):
        list(service.restore(request))


def test_damaged_record_costs_nothing_but_the_record(tmp_path: Path, photo: Image.Image) -> None:
    path = tmp_path / "records.sqlite3"
    path.write_bytes(b"this is no database" * 100)
    service = Service(records_path=path, device="cpu")
    result = _run(service, photo, Task.SUPER_RESOLUTION, model="lanczos", parameters={"scale": 2})
    assert any("performance record" in note for note in result.notes)
    assert service.forecast("lanczos", pixels=1000) is None
    for ask in (service.list_records, service.records_csv):
        with pytest.raises(InvalidRequest, match="move it away"):
            ask()
    service.close()


def test_fill_of_a_transparent_hole_can_be_seen(service: Service, photo: Image.Image) -> None:
    hole = Image.new("L", photo.size, 255)
    hole.paste(0, (10, 10, 20, 20))
    picture = photo.copy()
    picture.putalpha(hole)
    mask = Image.new("L", photo.size)
    mask.paste(255, (9, 9, 21, 21))
    result = _run(service, picture, Task.INPAINT, model="telea", mask=mask)
    assert result.picture.alpha is not None
    assert float(result.picture.alpha.min()) > 0.99


@pytest.mark.parametrize(("height", "width", "spot"), [(64, 64, (20, 20, 40, 40))])
def test_lamp_is_taken_from_a_black_night(service: Service, height: int, width: int, spot: tuple[int, ...]) -> None:
    night, mask = Image.new("RGB", (width, height)), Image.new("L", (width, height))
    night.paste((255, 255, 255), spot)
    mask.paste(255, (18, 18, 42, 42))
    assert not _run(service, night, Task.INPAINT, model="telea", mask=mask).picture.pixels.any()


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"precision": "foo"}, "precision"),
        ({"tile_px": 0}, "tile_px"),
        ({"tile_px": "64"}, "tile_px"),
        ({"parameters": {"sigma": None}}, "sigma"),
        ({"parameters": {"sigma": [1]}}, "sigma"),
        ({"parameters": {"sigma": 10**400}}, "sigma"),
    ],
)
def test_settings_of_a_wrong_type_are_named(
    service: Service, photo: Image.Image, fields: dict[str, Any], name: str
) -> None:
    with pytest.raises(InvalidParameter, match=f'"{name}" must be'):
        _run(service, photo, Task.DENOISE, model="non-local-means", **fields)


def test_format_that_does_not_hold_the_result_is_refused_before_the_work(service: Service) -> None:
    wide = Image.new("RGB", (3000, 4))
    with pytest.raises(InvalidRequest, match="WEBP files hold at most 16383 px a side but the result has 24000x32 px"):
        _run(service, wide, Task.SUPER_RESOLUTION, model="lanczos", parameters={"scale": 8}, file_format="WEBP")
    assert service.list_records() == []


def test_pictures_that_do_not_fit_into_memory_together_wait_for_one_another(tmp_path: Path, photo: Image.Image) -> None:
    service = Service(records_path=tmp_path / "records.sqlite3", device="cpu", picture_bytes=1)
    request = RestoreRequest(image=photo, task=Task.SUPER_RESOLUTION, model="bicubic")
    first, second = service.restore(request), service.restore(request)
    assert any(isinstance(event, Done) for event in first)  # it has its room until it is closed
    while "Other large pictures" not in (waiting := next(second)).message:
        assert isinstance(waiting, Progress)
    first.close()
    assert isinstance(list(second)[-1], Done)
    assert isinstance(list(service.restore(request))[-1], Done)


def test_too_little_memory_while_a_model_is_loaded_is_told(
    service: Service, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("restoration.catalogue.registry.choose_precision", fail)
    with pytest.raises(OutOfMemory, match="smaller picture"):
        _run(service, photo, Task.DENOISE, model="resunet-color", parameters={"sigma": 25})
    assert service.list_records()[0].outcome == "OutOfMemory"


def test_too_little_memory_to_decode_is_told(
    service: Service, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    stream = io.BytesIO()
    photo.save(stream, "PNG")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    with pytest.raises(OutOfMemory, match="smaller picture"):
        _run(service, stream.getvalue(), Task.DENOISE)
