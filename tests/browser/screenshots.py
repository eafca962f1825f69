"""Take pictures of every tab: wide and narrow, light and dark. `python -m tests.browser.screenshots`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from restoration.service import Service
from restoration.ui import text
from tests.browser import chromium
from tests.ui.serving import serve

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "screenshots"
WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
TABS = {
    "denoise": text.TAB_DENOISE,
    "super-resolution": text.TAB_SUPER_RESOLUTION,
    "inpaint": text.TAB_INPAINT,
    "low-light": text.TAB_LOW_LIGHT,
    "records": text.TAB_RECORDS,
}


def open_tab(page: Page, label: str) -> None:
    """Choose a tab, which a narrow page may have moved into its menu."""
    tab = page.get_by_role("tab", name=label, exact=True)
    if not tab.is_visible():
        page.locator(".overflow-menu > button").click()
        page.locator(".overflow-dropdown button", has_text=label).click()
        return
    tab.click()
    expect(tab).to_have_attribute("aria-selected", "true")


def run_example(page: Page, prefix: str) -> None:
    """Load the first example of a tab and restore it."""
    page.locator(f"#{prefix}-examples button.gallery-item").first.click()
    expect(page.locator(f"#{prefix}-{'paint-caption' if prefix == 'inpaint' else 'caption'}")).to_contain_text("px")
    page.locator(f"#{prefix}-go").click()
    expect(page.locator(f"#{prefix}-download")).to_be_visible(timeout=120_000)
    page.locator(f"#{prefix}-slider img").first.wait_for()


def main(folder: Path = FOLDER) -> int:
    """Write one PNG per tab, width and scheme."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        service = Service(records_path=Path(scratch) / "records.sqlite3")
        with serve(service, files=Path(scratch) / "files") as url, chromium.launch() as browser:
            for width in WIDTHS:
                for scheme in SCHEMES:
                    page = browser.new_page(viewport={"width": width, "height": 900})
                    page.goto(f"{url}?__theme={scheme}")
                    for name, label in TABS.items():
                        open_tab(page, label)
                        if name != "records":
                            run_example(page, name)
                        page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
                    page.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
