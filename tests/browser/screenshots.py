"""Take pictures of every tab: wide and narrow, light and dark. `python -m tests.browser.screenshots`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from restoration.service.door import Service
from restoration.ui import text
from tests.browser import chromium, steps
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


def main(folder: Path = FOLDER) -> int:
    """Write one PNG per tab, width and scheme."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        service = Service(records_path=Path(scratch) / "records.sqlite3")
        with serve(service, files=Path(scratch) / "files") as url, chromium.launch() as browser:
            for width in WIDTHS:
                for scheme in SCHEMES:
                    page = browser.new_page(viewport={"width": width, "height": 900})
                    steps.open_page(page, f"{url}?__theme={scheme}")
                    for name, label in TABS.items():
                        steps.open_tab(page, label)
                        if name != "records":
                            steps.choose_example(page, name)
                            steps.restore(page, name)
                        else:
                            steps.wait_for_records(page)
                        page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
                    page.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
