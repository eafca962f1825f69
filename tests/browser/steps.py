"""What a person does on the page, for browser tests and screenshots."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

RUN_TIMEOUT_MS = 120_000

expect.set_options(timeout=30_000)  # a busy machine, not the page, decides how soon an event is through


def open_page(page: Page, url: str) -> None:
    """Load the page and wait until it answers."""
    page.goto(url)
    expect(page.locator("#denoise-picture")).to_be_visible()


def open_tab(page: Page, label: str) -> None:
    """Choose a tab; all of them stand in the bar, however narrow the page."""
    tab = page.get_by_role("tab", name=label, exact=True)
    tab.click()
    expect(tab).to_have_attribute("aria-selected", "true")


def choose_file(page: Page, prefix: str, path: Path) -> None:
    """Upload a picture and wait until the page has described it."""
    page.locator(f"#{prefix}-picture input[type=file]").first.set_input_files(path)
    expect(_caption(page, prefix)).to_contain_text("px")


def choose_example(page: Page, prefix: str, *, number: int = 0) -> None:
    """Click an example and wait until the page has described it."""
    page.locator(f"#{prefix}-examples button.gallery-item").nth(number).click()
    expect(_caption(page, prefix)).to_contain_text("px")


def choose_model(page: Page, prefix: str, title: str) -> None:
    """Pick a model in the list by its title."""
    page.locator(f"#{prefix}-model input").click()
    page.get_by_role("option", name=title).first.click()


def set_number(page: Page, label: str, value: float) -> None:
    """Type a number into the field of a slider that is to be seen."""
    field = page.get_by_label(f"number input for {label}").filter(visible=True).first
    field.fill(f"{value:g}")
    field.press("Enter")
    field.blur()


def restore(page: Page, prefix: str) -> None:
    """Press Restore and wait for the comparison and the download."""
    page.locator(f"#{prefix}-go").click()
    expect(page.locator(f"#{prefix}-download")).to_be_visible(timeout=RUN_TIMEOUT_MS)
    page.locator(f"#{prefix}-slider img").first.wait_for()


def download(page: Page, prefix: str, folder: Path) -> Path:
    """Press the download button; return the file, under the name the browser is given."""
    with page.expect_download() as started:
        page.locator(f"#{prefix}-download").click()
    target = folder / started.value.suggested_filename
    started.value.save_as(target)
    return target


def paint(page: Page, *, points: list[tuple[float, float]]) -> None:
    """Draw one stroke on the inpainting editor.

    Args:
        points: as fractions of the drawn picture's width and height.
    """
    canvas = page.locator("#inpaint-editor canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def wait_for_records(page: Page) -> None:
    """Wait until the Records tab shows its plot and offers its export."""
    page.locator("#records-plot canvas, #records-plot svg.marks").first.wait_for()
    expect(page.locator("#records-csv")).to_be_enabled()


def _caption(page: Page, prefix: str) -> Locator:
    return page.locator(f"#{prefix}-{'paint-caption' if prefix == 'inpaint' else 'caption'}")
