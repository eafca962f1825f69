"""The examples of README and docs/api.md run against a served page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("document", ["README.md", "docs/api.md"])
def test_api_example_runs(url: str, document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("photo.jpg", "small.png", "torn.png"):
        Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8)).save(name)
    mask = np.zeros((24, 32), np.uint8)
    mask[8:11, 4:20] = 255
    Image.fromarray(mask).save("mask.png")
    text = (ROOT / document).read_text(encoding="utf-8")
    (example,) = [code for code in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL) if "gradio_client" in code]
    assert "http://127.0.0.1:7860" in example
    names: dict[str, Any] = {}
    exec(compile(example.replace("http://127.0.0.1:7860", url), document, "exec"), names)  # noqa: S102
    names["client"].close()
    assert Path(names["file"]).is_file()
    assert names["run"]["output_size"] == [32, 24]
