"""A teacher answers as the same model does to a user, and only where its licence lets it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from restoration.catalogue.manifest import load_manifest
from restoration.errors import InvalidRequest
from restoration.lab.training import teacher
from restoration.lab.training.config import Teaching
from restoration.lab.training.teacher import build_teacher
from restoration.service.choice import NON_COMMERCIAL_VARIABLE
from restoration.service.python import restore

CPU = torch.device("cpu")


@pytest.mark.parametrize("side_px", [20, 5])
def test_teacher_answers_as_the_service_does(side_px: int) -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (2, side_px, side_px + 3, 3), dtype=np.uint8)
    parameters = {"sigma": 25.0, "views": 1}
    learned_from = build_teacher(Teaching("resunet-color", parameters=parameters), scale=1, device=CPU)
    answers = learned_from(torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255)
    for picture, answer in zip(pictures, answers, strict=True):
        exact = restore(picture, task="denoise", model="resunet-color", precision="exact", **parameters)
        expected = np.asarray(exact.image)
        np.testing.assert_allclose(255 * answer.permute(1, 2, 0).numpy(), expected, atol=0.6)


def test_teacher_computes_in_float32_where_less_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restoration.devices.device.is_fast_on", lambda device, dtype: True)
    learned_from = build_teacher(Teaching("edsr-lite", parameters={"scale": 2}), scale=2, device=CPU)
    assert {parameter.dtype for parameter in learned_from.network.parameters()} == {torch.float32}
    assert learned_from(torch.rand(1, 3, 8, 8)).shape == (1, 3, 16, 16)


def test_answer_of_an_upscaler_has_the_enlarged_size() -> None:
    learned_from = build_teacher(Teaching("edsr-lite", parameters={"scale": 2}), scale=2, device=CPU)
    assert learned_from(torch.rand(2, 3, 9, 13)).shape == (2, 3, 18, 26)


def test_teacher_for_non_commercial_use_is_refused_unless_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = next(info for info in load_manifest() if info.id == "edsr-lite")
    monkeypatch.setattr(teacher, "load_manifest", lambda: (dataclasses.replace(known, non_commercial=True),))
    monkeypatch.delenv(NON_COMMERCIAL_VARIABLE, raising=False)
    teaching = Teaching("edsr-lite", parameters={"scale": 2})
    with pytest.raises(InvalidRequest, match=f"non-commercial use only, .* set {NON_COMMERCIAL_VARIABLE}=1"):
        build_teacher(teaching, scale=2, device=CPU)
    monkeypatch.setenv(NON_COMMERCIAL_VARIABLE, "1")
    assert build_teacher(teaching, scale=2, device=CPU)(torch.rand(1, 3, 8, 8)).shape == (1, 3, 16, 16)


def test_teacher_that_fills_a_mask_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="use one that restores at once"):
        build_teacher(Teaching("fill-unet"), scale=1, device=CPU)
