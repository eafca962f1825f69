from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from restoration.devices import device as devices
from restoration.errors import InvalidRequest

CPU = torch.device("cpu")


def test_unknown_device_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match="use cpu, cuda"):
        devices.pick_devices("toaster")


def test_absent_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InvalidRequest, match="not present"):
        devices.pick_devices("cuda:3")


@pytest.mark.parametrize("name", ["cuda:2", "cuda:9"])
def test_card_beyond_the_last_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert devices.pick_devices("cuda:1") == (torch.device("cuda:1"),)
    with pytest.raises(InvalidRequest, match="not present"):
        devices.pick_devices(name)


def test_exact_precision_is_float32_whatever_the_model_allows() -> None:
    assert devices.candidate_dtypes(CPU, (torch.bfloat16,), precision="exact") == (torch.float32,)


@pytest.mark.parametrize(("has_bf16", "expected"), [(True, (torch.bfloat16, torch.float32)), (False, (torch.float32,))])
def test_cpu_takes_bfloat16_only_with_hardware_for_it(
    has_bf16: bool, expected: tuple[torch.dtype, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": has_bf16})
    assert devices.candidate_dtypes(CPU, (torch.float16, torch.bfloat16), precision="auto") == expected


def test_peak_memory_is_at_least_what_was_held() -> None:
    devices.reset_peak(CPU)
    held = torch.ones(50_000_000 // 4)
    assert devices.peak_bytes(CPU) >= held.numel() * 4


def test_every_cuda_card_is_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert devices.pick_devices() == (torch.device("cuda:0"), torch.device("cuda:1"))


@pytest.mark.parametrize(("text", "cores"), [("max 100000", 8), ("200000 100000", 2), ("50000 100000", 1), ("?", 8)])
def test_container_limit_decides_the_threads(
    text: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    file = tmp_path / "cpu.max"
    file.write_text(text, encoding="ascii")
    assert devices.usable_cores(file) == cores
    assert devices.usable_cores(tmp_path / "none") == 8
