"""The page in a real browser: what a visitor does, and what they get."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect
from skimage import data

from restoration import restore
from restoration.images import read
from restoration.service.door import Service
from restoration.types import Done, RestoreRequest, RestoreResult, Task
from restoration.ui import compare, runs, text
from restoration.ui.result_cache import Answers
from tests.browser import steps
from tests.ui import pictures
from tests.ui.serving import serve

pytestmark = [pytest.mark.slow, pytest.mark.browser]

NARROW = pytest.mark.parametrize("page", [(390, 844)], ids=["narrow"], indirect=True)
TABS = (
    text.TAB_DENOISE,
    text.TAB_SUPER_RESOLUTION,
    text.TAB_INPAINT,
    text.TAB_LOW_LIGHT,
    text.TAB_RECORDS,
)


def _answer(service: Service, request: RestoreRequest) -> np.ndarray:
    last = list(service.restore(request))[-1]
    assert isinstance(last, Done)
    return last.result.picture.to_array()


def test_downloaded_file_holds_the_services_own_answer(
    page: Page, url: str, service: Service, tmp_path: Path, downloads: Path
) -> None:
    path = pictures.write_picture(tmp_path / "grainy.png")
    steps.open_page(page, url)
    steps.choose_file(page, "denoise", path)
    steps.restore(page, "denoise")
    file = steps.download(page, "denoise", downloads)
    assert file.name == "grainy-restored.png"
    expected = _answer(service, RestoreRequest(image=path, task=Task.DENOISE))
    np.testing.assert_array_equal(read(file).to_array(), expected)


def test_heic_from_a_phone_is_shown_and_restored(page: Page, url: str, tmp_path: Path, downloads: Path) -> None:
    steps.open_page(page, url)
    steps.choose_file(page, "denoise", pictures.write_picture(tmp_path / "phone.heic"))
    expect(page.locator("#denoise-caption")).to_contain_text("HEIC")
    shown = page.locator("#denoise-picture img").first
    expect(shown).to_be_visible()
    assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") == pictures.SIZE[0]
    steps.restore(page, "denoise")
    assert read(steps.download(page, "denoise", downloads)).size_text == "96x64 px"


def test_stroke_of_the_mouse_is_filled_and_the_rest_is_untouched(
    page: Page, url: str, tmp_path: Path, downloads: Path
) -> None:
    path = tmp_path / "torn.png"
    Image.fromarray(pictures.pixels()).resize((480, 320), Image.Resampling.BICUBIC).save(path)
    before = np.asarray(read(path).to_array())
    steps.open_page(page, url)
    steps.open_tab(page, text.TAB_INPAINT)
    steps.choose_file(page, "inpaint", path)
    steps.paint(page, points=[(0.4, 0.5), (0.6, 0.5)])
    steps.restore(page, "inpaint")
    after = read(steps.download(page, "inpaint", downloads)).to_array()
    changed = (after != before).any(axis=2)
    assert after.shape == before.shape
    assert 0 < changed.mean() < 0.2
    rows, columns = np.nonzero(changed)
    assert columns.mean() == pytest.approx(240, abs=30)
    assert rows.mean() == pytest.approx(160, abs=30)


def test_mask_that_is_missing_is_asked_for_and_the_next_run_works(page: Page, url: str, downloads: Path) -> None:
    steps.open_page(page, url)
    steps.open_tab(page, text.TAB_INPAINT)
    steps.choose_example(page, "inpaint", number=1)
    page.locator("#inpaint-clear").click()
    expect(page.locator("#inpaint-mask img")).to_have_count(0)
    page.locator("#inpaint-go").click()
    expect(page.locator("#inpaint-status")).to_contain_text(text.NO_MASK)
    steps.choose_example(page, "inpaint", number=0)
    expect(page.locator("#inpaint-mask img")).to_have_count(1)
    steps.restore(page, "inpaint")
    assert steps.download(page, "inpaint", downloads).stat().st_size > 0


def test_restore_without_a_picture_asks_for_one(page: Page, url: str) -> None:
    steps.open_page(page, url)
    page.locator("#denoise-go").click()
    expect(page.locator("#denoise-status")).to_contain_text(text.NO_PICTURE)
    expect(page.locator("#denoise-go")).to_be_enabled()


def test_file_that_is_no_picture_is_answered_with_a_sentence(page: Page, url: str, tmp_path: Path) -> None:
    path = tmp_path / "letter.png"
    path.write_bytes(b"Dear all, this is a letter.")
    steps.open_page(page, url)
    page.locator("#denoise-picture input[type=file]").first.set_input_files(path)
    expect(page.locator("#denoise-caption")).to_contain_text("not a picture")


def test_settings_of_a_model_appear_with_the_model(page: Page, url: str) -> None:
    steps.open_page(page, url)
    expect(page.get_by_text("Noise level").first).to_be_visible()
    steps.choose_model(page, "denoise", "Adaptive median")
    expect(page.get_by_text("Noise level").first).to_be_hidden()


def test_upload_is_measured_and_its_damage_is_chosen_until_the_user_chooses(
    page: Page, url: str, tmp_path: Path
) -> None:
    blocky, noisy, last = tmp_path / "blocky.jpg", tmp_path / "noisy.png", tmp_path / "last.jpg"
    photo = Image.fromarray(pictures.pixels()).resize((480, 320), Image.Resampling.BICUBIC)
    photo.save(blocky, quality=15)
    photo.save(noisy)
    photo.save(last, quality=12)
    steps.open_page(page, url)
    steps.choose_file(page, "denoise", blocky)
    expect(page.locator("#denoise-findings")).to_contain_text("JPEG quality 15")
    expect(page.get_by_label("JPEG blocks")).to_be_checked()
    expect(page.locator("#denoise-model input")).to_have_value("Built-in JPEG repair")
    steps.choose_file(page, "denoise", noisy)
    expect(page.get_by_label("Noise or grain")).to_be_checked()
    expect(page.locator("#denoise-model input")).to_have_value("Built-in denoiser")
    page.get_by_label("Blur", exact=True).click()
    steps.choose_file(page, "denoise", last)
    expect(page.locator("#denoise-findings")).to_contain_text("JPEG quality 12")
    expect(page.get_by_label("Blur", exact=True)).to_be_checked()


def test_damaged_picture_gets_the_upscaler_for_it_and_its_settings(page: Page, url: str, tmp_path: Path) -> None:
    clean, damaged = tmp_path / "clean.png", tmp_path / "damaged.jpg"
    photo = Image.fromarray(data.astronaut()).resize((200, 200), Image.Resampling.BOX)
    photo.save(clean)
    photo.save(damaged, quality=25)
    steps.open_page(page, url)
    steps.open_tab(page, text.TAB_SUPER_RESOLUTION)
    for path, title, is_shown in (
        (damaged, "Built-in upscaler for damaged pictures", True),
        (clean, "Built-in upscaler", False),
    ):
        steps.choose_file(page, "super-resolution", path)
        expect(page.locator("#super-resolution-model input")).to_have_value(title)
        shown = page.get_by_text("0 is faithful, 1 redraws texture").filter(visible=True)
        expect(shown).to_have_count(int(is_shown))


def test_strength_acts_after_the_run_without_another_one(
    page: Page, url: str, service: Service, tmp_path: Path, downloads: Path
) -> None:
    path = pictures.write_picture(tmp_path / "grainy.png")
    steps.open_page(page, url)
    steps.choose_file(page, "denoise", path)
    steps.restore(page, "denoise")
    runs = len(service.list_records())
    steps.set_number(page, "Strength", 0)
    expect(page.locator("#denoise-status")).to_contain_text("Strength 0")
    np.testing.assert_array_equal(read(steps.download(page, "denoise", downloads)).to_array(), pictures.pixels())
    assert len(service.list_records()) == runs


def test_strength_of_an_upscaler_acts_after_the_run_too(
    page: Page, url: str, service: Service, tmp_path: Path, downloads: Path
) -> None:
    path = pictures.write_picture(tmp_path / "grainy.png")
    plain = restore(path, task="super-resolution", model="lanczos", scale=2).picture.to_array()
    steps.open_page(page, url)
    steps.open_tab(page, text.TAB_SUPER_RESOLUTION)
    steps.choose_file(page, "super-resolution", path)
    steps.choose_model(page, "super-resolution", "Built-in upscaler for damaged pictures")
    steps.set_number(page, "Enlarge by", 2)
    steps.restore(page, "super-resolution")
    runs = len(service.list_records())
    steps.set_number(page, "Strength", 0)
    expect(page.locator("#super-resolution-status")).to_contain_text("Strength 0")
    np.testing.assert_array_equal(read(steps.download(page, "super-resolution", downloads)).to_array(), plain)
    assert len(service.list_records()) == runs


def test_strength_that_needs_a_run_says_so(page: Page, url: str, tmp_path: Path) -> None:
    steps.open_page(page, url)
    steps.choose_file(page, "denoise", pictures.write_picture(tmp_path / "grainy.png"))
    steps.restore(page, "denoise")
    steps.set_number(page, "Noise level", 40)
    steps.set_number(page, "Strength", 0.5)
    expect(page.get_by_text(text.RUN_AGAIN)).to_be_visible()
    expect(page.locator("#denoise-status")).to_contain_text("Strength 1")


def test_strength_of_a_picture_that_is_gone_changes_nothing(
    page: Page, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, may_answer, mix = threading.Event(), threading.Event(), Answers.mix

    def slow(answers: Answers, *values: Any, **named: Any) -> RestoreResult | None:
        asked.set()
        assert may_answer.wait(timeout=60)
        return mix(answers, *values, **named)

    steps.open_page(page, url)
    steps.choose_file(page, "denoise", pictures.write_picture(tmp_path / "first.png"))
    steps.restore(page, "denoise")
    monkeypatch.setattr(Answers, "mix", slow)
    steps.set_number(page, "Strength", 0.5)
    assert asked.wait(timeout=60)
    steps.choose_file(page, "denoise", pictures.write_picture(tmp_path / "second.png"))
    expect(page.locator("#denoise-status")).to_contain_text("appears here")
    may_answer.set()
    steps.set_number(page, "Strength", 0.6)  # when this is answered, the one before is, too
    expect(page.get_by_text(text.RUN_AGAIN)).to_be_visible()
    expect(page.locator("#denoise-status")).to_contain_text("appears here")
    expect(page.locator("#denoise-download")).to_be_hidden()


def test_picture_of_the_kernel_is_asked_for_with_blur_only(page: Page, url: str) -> None:
    steps.open_page(page, url)
    expect(page.locator("#denoise-kernel")).to_be_hidden()
    page.get_by_label("Blur", exact=True).click()
    expect(page.locator("#denoise-kernel")).to_be_visible()
    expect(page.locator("#denoise-model input")).to_have_value("Built-in deblurring")


def test_only_what_describes_the_chosen_blur_is_asked_for(page: Page, url: str) -> None:
    steps.open_page(page, url)
    page.get_by_label("Blur", exact=True).click()
    expect(page.get_by_label("motion", exact=True)).to_be_visible()
    sliders = [page.locator("label:visible, span:visible", has_text=name) for name in ("Radius (px)", "Length (px)")]
    for choice, seen in (("estimate", (0, 0)), ("motion", (0, 1)), ("defocus", (1, 0))):
        page.locator(f'input[type=radio][value="{choice}"]:visible').click()
        for slider, count in zip(sliders, seen, strict=True):
            expect(slider.first).to_be_visible() if count else expect(slider).to_have_count(0)


def test_result_goes_on_in_other_tabs_and_a_new_picture_clears_it(page: Page, url: str) -> None:
    steps.open_page(page, url)
    steps.choose_example(page, "denoise", number=1)
    steps.choose_model(page, "denoise", "Adaptive median")
    expect(page.locator("#denoise-onward")).to_be_hidden()
    steps.restore(page, "denoise")
    page.locator("#denoise-onward-low-light").click()
    expect(page.locator("#low-light-caption")).to_contain_text("px, PNG")
    expect(page.locator("#low-light-go")).to_be_visible()
    steps.choose_model(page, "low-light", "Adaptive brightening")
    steps.restore(page, "low-light")
    page.locator("#low-light-onward-inpaint").click()
    expect(page.locator("#inpaint-paint-caption")).to_contain_text("px, PNG")
    expect(page.locator("#inpaint-editor")).to_be_visible()
    steps.open_tab(page, text.TAB_DENOISE)
    steps.choose_example(page, "denoise", number=0)
    for part in ("download", "onward"):
        expect(page.locator(f"#denoise-{part}")).to_be_hidden()
    expect(page.locator("#denoise-status")).to_contain_text("appears here")


def test_run_can_be_cancelled_and_the_next_one_works(page: Page, url: str, tmp_path: Path, downloads: Path) -> None:
    steps.open_page(page, url)
    steps.choose_file(page, "denoise", pictures.write_picture(tmp_path / "first.png"))
    steps.choose_model(page, "denoise", "Deep Image Prior")  # takes minutes, so that it is never done before the click
    page.locator("#denoise-go").click()
    expect(page.locator("#denoise-status .working")).to_be_visible()
    page.locator("#denoise-cancel").click()
    expect(page.locator("#denoise-status")).to_contain_text(text.CANCELLED, timeout=steps.RUN_TIMEOUT_MS)
    expect(page.locator("#denoise-go")).to_be_enabled()
    steps.choose_model(page, "denoise", "Non-local means")
    steps.restore(page, "denoise")
    assert read(steps.download(page, "denoise", downloads)).size_text == "96x64 px"


@pytest.mark.parametrize("way", ["upload", "example"])
def test_new_picture_ends_the_run_of_the_one_before(
    page: Page, url: str, tmp_path: Path, downloads: Path, way: str
) -> None:
    steps.open_page(page, url)
    steps.choose_file(page, "denoise", pictures.write_picture(tmp_path / "first.png"))
    steps.choose_model(page, "denoise", "Deep Image Prior")
    page.locator("#denoise-go").click()
    expect(page.locator("#denoise-status .working")).to_be_visible()
    if way == "upload":
        steps.choose_file(page, "denoise", pictures.write_picture(tmp_path / "second.png"))
    else:
        steps.choose_example(page, "denoise", number=0)
    expect(page.locator("#denoise-status")).to_contain_text("appears here", timeout=steps.RUN_TIMEOUT_MS)
    expect(page.locator("#denoise-go")).to_be_enabled(timeout=steps.RUN_TIMEOUT_MS)
    steps.choose_model(page, "denoise", "Non-local means")
    steps.restore(page, "denoise")
    assert steps.download(page, "denoise", downloads).name.endswith("-restored.png")


@pytest.mark.parametrize("tab", ["denoise", "super-resolution", "low-light"])
def test_upload_clears_the_result_before(page: Page, url: str, tmp_path: Path, tab: str) -> None:
    models = {"denoise": "Adaptive median", "super-resolution": "Bicubic", "low-light": "Adaptive brightening"}
    steps.open_page(page, url)
    steps.open_tab(page, dict(text.TASK_TABS)[tab])
    steps.choose_file(page, tab, pictures.write_picture(tmp_path / "first.png"))
    steps.choose_model(page, tab, models[tab])
    steps.restore(page, tab)
    steps.choose_file(page, tab, pictures.write_picture(tmp_path / "second.png"))
    expect(page.locator(f"#{tab}-status")).to_contain_text("appears here")
    for part in ("download", "onward"):
        expect(page.locator(f"#{tab}-{part}")).to_be_hidden()


def test_full_queue_is_told_and_restore_can_be_pressed_again(page: Page, url: str, tmp_path: Path) -> None:
    events = httpx.get(f"{url}config").json()["dependencies"]
    press = next(each for each in events if each["targets"] and each["targets"][0][1] == "click")
    runs = {each["id"] for each in events if each["trigger_after"] == press["id"]}
    is_full = True

    def answer(route: Route) -> None:
        if is_full and route.request.post_data_json["fn_index"] in runs:
            route.fulfill(status=503, json={"detail": "Queue is full"})
        else:
            route.fallback()

    page.route("**/queue/join**", answer)
    steps.open_page(page, url)
    steps.choose_file(page, "denoise", pictures.write_picture(tmp_path / "grainy.png"))
    page.locator("#denoise-go").click()
    expect(page.locator("#denoise-status")).to_contain_text(text.NOT_STARTED)
    expect(page.get_by_text("currently busy").first).to_be_visible()
    is_full = False
    steps.restore(page, "denoise")


def test_records_tab_lists_the_run_and_exports_it(page: Page, url: str, tmp_path: Path) -> None:
    steps.open_page(page, url)
    steps.choose_example(page, "denoise", number=1)
    steps.restore(page, "denoise")
    steps.open_tab(page, text.TAB_RECORDS)
    steps.wait_for_records(page)
    expect(page.locator("#records-table")).to_contain_text("Built-in dot remover")
    with page.expect_download() as started:
        page.locator("#records-csv").click()
    table = tmp_path / "records.csv"
    started.value.save_as(table)
    header, *rows = table.read_text(encoding="utf-8").splitlines()
    assert "model" in header.split(",")
    assert any("plug-and-play-dots" in row for row in rows)


@NARROW
@pytest.mark.parametrize("label", TABS)
def test_nothing_is_cut_off_on_a_phone(page: Page, url: str, label: str) -> None:
    steps.open_page(page, url)
    steps.open_tab(page, label)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@NARROW
def test_whole_run_on_a_phone(page: Page, url: str, downloads: Path) -> None:
    steps.open_page(page, url)
    steps.open_tab(page, text.TAB_SUPER_RESOLUTION)
    steps.choose_example(page, "super-resolution")
    steps.restore(page, "super-resolution")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert read(steps.download(page, "super-resolution", downloads)).size_text == "800x800 px"


@NARROW
def test_pressing_restore_on_a_phone_leads_to_what_happens(page: Page, url: str) -> None:
    steps.open_page(page, url)
    steps.choose_example(page, "denoise")
    page.locator("#denoise-go").click()
    expect(page.locator("#denoise-status")).to_be_in_viewport()
    expect(page.locator("#denoise-download")).to_be_visible(timeout=steps.RUN_TIMEOUT_MS)
    page.locator("#denoise-onward-super-resolution").click()
    expect(page.get_by_role("tab", name=text.TAB_SUPER_RESOLUTION, exact=True)).to_be_in_viewport()


def test_page_asks_no_other_host(page: Page, url: str, hosts: set[str]) -> None:
    steps.open_page(page, url)
    for label in TABS:
        steps.open_tab(page, label)
    steps.open_tab(page, text.TAB_DENOISE)
    steps.choose_example(page, "denoise")
    steps.restore(page, "denoise")
    assert hosts == {"127.0.0.1"}


def test_tools_for_masks_work_on_an_example_and_methods_are_compared(page: Page, url: str, downloads: Path) -> None:
    steps.open_page(page, url)
    steps.open_tab(page, text.TAB_INPAINT)
    steps.choose_example(page, "inpaint", number=0)
    expect(page.locator("#inpaint-mask img")).to_have_count(1)
    _use_tool(page, "find")
    first = _shown_mask(page, downloads / "first.png")
    _use_tool(page, "invert")
    second = _shown_mask(page, downloads / "second.png")
    np.testing.assert_array_equal(first, ~second)
    _use_tool(page, "invert")
    page.locator("#inpaint-compare").click()
    expect(page.locator("#inpaint-compared")).to_contain_text("Telea")


def test_comparison_can_be_cancelled(page: Page, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "_QUICK", ("deep-image-prior-fill",))  # takes minutes
    steps.open_page(page, url)
    steps.open_tab(page, text.TAB_INPAINT)
    steps.choose_example(page, "inpaint", number=0)
    page.locator("#inpaint-compare").click()
    cancel = page.locator("#inpaint-compare-cancel")
    expect(cancel).to_be_visible(timeout=steps.RUN_TIMEOUT_MS)  # its turn may come after a run of another page
    cancel.click()
    expect(cancel).to_be_hidden()
    expect(page.locator("#inpaint-compare")).to_be_enabled()


def _use_tool(page: Page, name: str) -> None:
    """Press a tool and wait until it has changed the mask picture."""
    mask = page.locator("#inpaint-mask img")
    before = mask.get_attribute("src")
    assert before is not None
    page.locator(f"#inpaint-{name}").click()
    expect(mask).not_to_have_attribute("src", before)


def _shown_mask(page: Page, target: Path) -> np.ndarray:
    """Return the exact mask that the page offers for download."""
    page.locator("#inpaint-show-mask").click()
    expect(page.locator("#inpaint-mask-facts")).to_contain_text("% of the picture")
    with page.expect_download() as started:
        page.locator("#inpaint-mask-download").click()
    started.value.save_as(target)
    return np.asarray(Image.open(target))


def test_run_cancelled_while_it_waits_can_be_started_again_and_runs_once(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "CONCURRENT_RUNS", 1)
    path = pictures.write_picture(tmp_path / "grainy.png")
    with (
        closing(Service(records_path=tmp_path / "records.sqlite3", device="cpu")) as service,
        serve(service, files=tmp_path / "files") as url,
        closing(browser.new_page()) as first,
        closing(browser.new_page()) as second,
    ):
        for page in (first, second):
            steps.open_page(page, url)
            steps.choose_file(page, "denoise", path)
        steps.choose_model(first, "denoise", "Deep Image Prior")
        first.locator("#denoise-go").click()
        expect(first.locator("#denoise-take")).to_be_visible(timeout=steps.RUN_TIMEOUT_MS)
        second.locator("#denoise-go").click()
        expect(second.locator("#denoise-status")).to_contain_text(text.WAITING)
        expect(second.locator("#denoise-cancel")).to_be_enabled()
        second.locator("#denoise-cancel").click()
        expect(second.locator("#denoise-status")).to_contain_text(text.CANCELLED)
        second.locator("#denoise-go").click()
        expect(second.locator("#denoise-status")).to_contain_text(text.WAITING)
        first.locator("#denoise-cancel").click()
        expect(second.locator("#denoise-download")).to_be_visible(timeout=steps.RUN_TIMEOUT_MS)
        outcomes = sorted(record.outcome for record in service.list_records())
    assert outcomes == ["cancelled", "done"]
