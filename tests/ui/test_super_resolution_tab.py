"""Which upscaler the page proposes for a picture."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from skimage import data

from restoration.service.uploads import Uploads
from restoration.ui.super_resolution import look_at


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The same photograph clean, noisy, and as a strongly compressed file."""
    folder = tmp_path_factory.mktemp("pictures")
    clean = Image.fromarray(data.astronaut()).resize((256, 256), Image.Resampling.BOX)
    noise = np.random.default_rng(0).normal(0, 12, (256, 256, 3))
    noisy = Image.fromarray(np.clip(np.asarray(clean) + noise, 0, 255).astype(np.uint8))
    paths = {name: folder / file for name, file in (("clean", "a.png"), ("noisy", "b.png"), ("jpeg", "c.jpg"))}
    clean.save(paths["clean"])
    noisy.save(paths["noisy"])
    clean.save(paths["jpeg"], quality=40)
    return {name: str(path) for name, path in paths.items()}


@pytest.mark.parametrize(("kind", "model"), [("clean", "edsr-lite"), ("noisy", "compact-web"), ("jpeg", "compact-web")])
@pytest.mark.parametrize("before", ["edsr-lite", "compact-web"])
def test_damaged_pictures_get_the_upscaler_for_them(kind: str, model: str, before: str, files: dict[str, str]) -> None:
    findings, chosen = look_at(Uploads(), files[kind], before)
    assert chosen == model
    assert "noise" in findings.lower()


def test_any_other_choice_stays(files: dict[str, str]) -> None:
    assert look_at(Uploads(), files["noisy"], "lanczos")[1] == gr.skip()


def test_unreadable_pictures_change_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    assert look_at(Uploads(), str(broken), "edsr-lite") == ("", gr.skip())
    assert look_at(Uploads(), None, "edsr-lite") == ("", gr.skip())
