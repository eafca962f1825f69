"""The events of the page, called without a browser."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.block_function import BlockFunction
from PIL import ExifTags, Image

from restoration import diagnosis
from restoration.images import decode
from restoration.service.door import Service
from restoration.types import Task
from restoration.ui import denoise, shown, text
from restoration.ui.demo import build_demo
from tests.ui import pictures


@pytest.fixture
def page(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> gr.Blocks:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "files"))
    return build_demo(service)


@pytest.fixture
def photo(tmp_path: Path) -> str:
    """A picture that says where it was taken."""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    Image.fromarray(pictures.pixels()).save(tmp_path / "photo.jpg", exif=exif)
    return str(tmp_path / "photo.jpg")


def _function(page: gr.Blocks, name: str, *, changes: str) -> BlockFunction:
    """Return the callback of that name that changes the component of that id."""
    return next(
        each
        for each in page.fns.values()
        if each.name == name and changes in {component.elem_id for component in each.outputs}
    )


def _values(function: BlockFunction, path: str, **chosen: Any) -> list[Any]:
    """Return the inputs of a callback: run "ticket" on a picture, with other values than the first by label."""
    values = [chosen.get(getattr(each, "label", None) or "", getattr(each, "value", None)) for each in function.inputs]
    values[:2] = ["ticket", path]
    return values


def test_result_with_the_place_is_not_mixed_again_once_the_place_is_to_go(page: gr.Blocks, photo: str) -> None:
    run, mix = (_function(page, name, changes="denoise-slider") for name in ("run", "mix"))
    chosen = {text.MODEL: "adaptive-median", text.KEEP_GPS: True}
    *_, last = run.fn(*_values(run, photo, **chosen))
    with Image.open(last[2]["value"]) as image:
        assert image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
    assert mix.fn(*_values(mix, photo, **chosen))[2]["value"] is not None
    chosen[text.KEEP_GPS] = False
    assert mix.fn(*_values(mix, photo, **chosen)) == (gr.skip(), gr.skip(), gr.skip())


@pytest.mark.parametrize("tab", ["denoise", "super-resolution", "inpaint", "low-light"])
def test_run_that_is_refused_beforehand_leaves_the_buttons_as_they_were(page: gr.Blocks, tab: str) -> None:
    run = _function(page, "run", changes=f"{tab}-go")
    (refused,) = (each for each in page.fns.values() if each.trigger_after == run._id and each.trigger_only_on_failure)
    assert not refused.queue
    assert refused.outputs == run.outputs
    updates = dict(zip((each.elem_id for each in refused.outputs), refused.fn(), strict=True))
    assert updates[f"{tab}-go"]["interactive"]
    assert not updates[f"{tab}-cancel"]["interactive"]
    assert not updates[f"{tab}-take"]["visible"]
    assert text.NOT_STARTED in updates[f"{tab}-status"]


def test_run_cancelled_while_it_waits_is_over_at_once_and_reads_nothing_later(
    page: gr.Blocks, tmp_path: Path, service: Service
) -> None:
    run, stop = (_function(page, name, changes="denoise-go") for name in ("run", "stop"))
    before = service.list_records()
    updates = dict(zip((each.elem_id for each in stop.outputs), stop.fn("ticket", None), strict=True))
    assert updates["denoise-go"]["interactive"]
    assert not updates["denoise-cancel"]["interactive"]
    assert text.CANCELLED in updates["denoise-status"]
    shown = list(run.fn(*_values(run, str(tmp_path / "no such file.jpg"))))
    assert shown == [(gr.skip(),) * len(run.outputs)]
    assert service.list_records() == before


def test_run_cancelled_after_it_began_ends_itself(page: gr.Blocks, photo: str) -> None:
    run, stop = (_function(page, name, changes="denoise-go") for name in ("run", "stop"))
    steps = run.fn(*_values(run, photo, **{text.MODEL: "adaptive-median"}))
    next(steps)
    stopping = dict(zip((each.elem_id for each in stop.outputs), stop.fn("ticket", None), strict=True))
    assert text.STOPPING in stopping["denoise-status"]
    assert stopping["denoise-go"] == gr.skip()
    *_, last = steps
    updates = dict(zip((each.elem_id for each in run.outputs), last, strict=True))
    assert text.CANCELLED in updates["denoise-status"]
    assert updates["denoise-go"]["interactive"]


@pytest.mark.parametrize("is_other", [True, False])
def test_run_ends_when_the_page_shows_another_picture(page: gr.Blocks, photo: str, *, is_other: bool) -> None:
    run = _function(page, "run", changes="denoise-go")
    leave, *_ = (each for each in page.fns.values() if each.name == "leave" and each.inputs == run.inputs[:2])
    steps = run.fn(*_values(run, photo, **{text.MODEL: "adaptive-median"}))
    next(steps)
    leave.fn("ticket", "another.png" if is_other else photo)
    *_, last = steps
    updates = dict(zip((each.elem_id for each in run.outputs), last, strict=True))
    assert (updates["denoise-slider"] is None) == is_other
    assert (text.EMPTY_STATUS in updates["denoise-status"]) == is_other
    assert updates["denoise-go"]["interactive"]


def test_result_that_comes_after_its_picture_has_gone_goes_too(page: gr.Blocks, photo: str) -> None:
    run = _function(page, "run", changes="denoise-go")
    settle = _function(page, "settle", changes="denoise-slider")
    leave, *_ = (each for each in page.fns.values() if each.name == "leave" and each.inputs == run.inputs[:2])
    *_, last = run.fn(*_values(run, photo, **{text.MODEL: "adaptive-median"}))
    file = last[2]["value"]
    assert settle.fn("ticket", file)[:3] == (gr.skip(),) * 3
    assert settle.fn("ticket", file)[3]["visible"]
    leave.fn("ticket", "another.png")
    slider, line, download, onward = settle.fn("ticket", file)
    assert slider is None
    assert text.EMPTY_STATUS in line
    assert not download["visible"]
    assert not onward["visible"]


def test_run_cancelled_while_its_files_are_written_shows_nothing(
    page: gr.Blocks, photo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, stop = (_function(page, name, changes="denoise-go") for name in ("run", "stop"))
    written = shown.finished
    monkeypatch.setattr(shown, "finished", lambda *told: (stop.fn("ticket", None), written(*told))[1])
    *_, last = run.fn(*_values(run, photo, **{text.MODEL: "adaptive-median"}))
    updates = dict(zip((each.elem_id for each in run.outputs), last, strict=True))
    assert updates["denoise-slider"] is None
    assert text.CANCELLED in updates["denoise-status"]


def test_pictures_are_taken_in_while_the_queue_is_full(page: gr.Blocks) -> None:
    uploads = [each for each in page.fns.values() if each.name in ("take_picture", "start_painting")]
    assert len(uploads) == len(text.TASK_TABS)
    assert not any(each.queue for each in uploads)


def test_picture_beyond_a_models_limit_is_told_before_it_is_pressed(service: Service, tmp_path: Path) -> None:
    Image.new("L", (2001, 2000)).save(tmp_path / "large.png")
    told = shown.forecast(service, str(tmp_path / "large.png"), "edsr-lite")
    assert "at most 4 megapixels" in told
    Image.new("L", (200, 200)).save(tmp_path / "small.png")
    assert "megapixels" not in shown.forecast(service, str(tmp_path / "small.png"), "edsr-lite")


def test_whatever_takes_a_picture_in_clears_the_result_without_the_server(page: gr.Blocks) -> None:
    """An answer of the server could come after a short run has ended, and wipe its result."""
    sources = [_function(page, "run", changes=f"{tab}-go").inputs[1] for tab in dict(text.TASK_TABS)]
    takers = [each for each in page.fns.values() if set(sources) & set(each.outputs)]
    assert len(takers) == len(sources) * 5 + 1  # upload, example, three other tabs; "Another picture" of one
    for taker in takers:
        followers = [each for each in page.fns.values() if each.trigger_after == taker._id]
        assert all(each.trigger_only_on_success for each in followers)
        assert "leave" in {each.name for each in followers}
        (cleared,) = (each for each in followers if each.fn is None)
        assert text.EMPTY_STATUS in str(cleared.js)
        assert cleared.outputs[0].elem_id.endswith("-slider")


def test_one_upload_is_decoded_once_and_diagnosed_once(
    page: gr.Blocks, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the upload through caption, findings, forecast and previews to the result and another strength."""
    counts: Counter[str] = Counter()

    def count(module: object, name: str) -> None:
        whole = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, **named: (counts.update([name]), whole(*args, **named))[1])

    count(decode, "_decode")
    count(diagnosis, "noise_level")
    monkeypatch.setattr("restoration.engine.local.job_state._PREVIEW_EVERY_S", 0.0)
    Image.fromarray(pictures.pixels()).save(tmp_path / "photo.tiff")  # which browsers do not show
    path = str(tmp_path / "photo.tiff")
    take = _function(page, "take_picture", changes="denoise-picture")
    run, mix = (_function(page, name, changes="denoise-slider") for name in ("run", "mix"))
    forecast = _function(page, "forecast", changes="denoise-forecast")
    source, shown_picture, caption = take.fn(path)
    assert shown_picture != path
    assert "TIFF" in caption
    assert denoise.look_at(service, source, Task.DENOISE, is_chosen=True)[0]
    chosen = {text.MODEL: "non-local-means"}
    *_, last = run.fn(*_values(run, source, **chosen))
    assert last[2]["value"] is not None
    assert forecast.fn(source, "non-local-means")
    assert mix.fn(*_values(mix, source, **chosen))[2]["value"] is not None
    assert counts == {"_decode": 1, "noise_level": 1}


@pytest.mark.parametrize("is_other", [False, True])
def test_cancelled_run_gives_the_result_before_back(
    page: gr.Blocks, photo: str, tmp_path: Path, *, is_other: bool
) -> None:
    run, stop, press = (_function(page, name, changes="denoise-go") for name in ("run", "stop", "press"))
    *_, finished = run.fn(*_values(run, photo, **{text.MODEL: "adaptive-median"}))
    number, *_ = press.fn("ticket")
    path = str(shutil.copy(photo, tmp_path / "other.png")) if is_other else photo
    values = [number, path, *_values(run, photo, **{text.MODEL: "adaptive-median"})[2:]]
    steps = run.fn(*values)
    next(steps)
    stop.fn(number, path)
    *_, (slider, line, download, *_) = steps
    if is_other:
        assert slider is None
        assert not download["visible"]
        assert text.CANCELLED in line
    else:
        assert slider == finished[0]
        assert download["value"] == finished[2]["value"]
        assert text.CANCELLED_KEPT in line


def test_run_that_fails_leaves_the_result_before(page: gr.Blocks, photo: str) -> None:
    run, press = (_function(page, name, changes="denoise-go") for name in ("run", "press"))
    *_, finished = run.fn(*_values(run, photo, **{text.MODEL: "adaptive-median"}))
    number, *_ = press.fn("ticket")
    values = [number, photo, *_values(run, photo, **{text.MODEL: "adaptive-median"})[2:]]
    Path(photo).unlink()
    *_, (slider, line, download, *_) = run.fn(*values)
    assert text.PICTURE_GONE in line
    assert slider == finished[0]
    assert download["visible"]
