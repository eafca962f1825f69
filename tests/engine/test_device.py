from __future__ import annotations

import pytest
import torch

from restoration.engine import device as devices
from restoration.errors import InvalidRequest

CPU = torch.device("cpu")


def test_unknown_device_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match="use cpu, cuda"):
        devices.pick_device("toaster")


def test_absent_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InvalidRequest, match="not present"):
        devices.pick_device("cuda:3")


def test_exact_precision_is_float32_whatever_the_model_allows() -> None:
    assert devices.pick_dtype(CPU, (torch.bfloat16,), precision="exact") is torch.float32


@pytest.mark.parametrize(("has_bf16", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_cpu_takes_bfloat16_only_with_hardware_for_it(
    has_bf16: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": has_bf16})
    assert devices.pick_dtype(CPU, (torch.float16, torch.bfloat16), precision="auto") is expected


def test_peak_memory_is_at_least_what_was_held() -> None:
    devices.reset_peak(CPU)
    held = torch.ones(50_000_000 // 4)
    assert devices.peak_bytes(CPU) >= held.numel() * 4
