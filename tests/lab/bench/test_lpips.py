"""LPIPS where it can be had, and one clear line where it cannot."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from restoration.cli.main import main
from restoration.errors import ModelUnavailable
from restoration.lab.bench.lpips import open_lpips


class _Difference(nn.Module):
    """Stand in for the library's network: the mean absolute difference of what it is shown."""

    def __init__(self, net: str, verbose: bool) -> None:
        super().__init__()
        assert (net, verbose) == ("alex", False)

    def forward(self, ours: Tensor, theirs: Tensor) -> Tensor:
        assert ours.shape == theirs.shape
        assert ours.shape[1] == 3
        assert min(ours.shape[2:]) >= 64
        assert -1 <= float(ours.min()) <= float(ours.max()) <= 1
        return (ours - theirs).abs().mean()


def _install(monkeypatch: pytest.MonkeyPatch, network: object) -> None:
    monkeypatch.setitem(sys.modules, "lpips", types.SimpleNamespace(LPIPS=network))


@pytest.mark.parametrize("shape", [(70, 80, 3), (20, 90), (5, 5, 3)])
def test_pictures_reach_the_network_in_its_range_and_size(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(monkeypatch, _Difference)
    assert open_lpips()(np.full(shape, 255.0), np.zeros(shape)) == pytest.approx(2.0)


def test_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(ModelUnavailable, match="pip install lpips"):
        open_lpips()


def test_without_a_network_the_table_comes_without_lpips(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(**_: object) -> None:
        raise OSError("no route to host")

    _install(monkeypatch, unreachable)
    Image.new("RGB", (40, 32), "gray").save(tmp_path / "a.png")
    assert main(["bench", "quality", "--set", str(tmp_path), "--task", "denoise", "--sigma", "10", "--lpips"]) == 0
    said = capsys.readouterr()
    assert "LPIPS is left out" in said.err
    assert "LPIPS" not in said.out


def test_table_has_lpips_where_it_can_be_had(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _install(monkeypatch, _Difference)
    torch.manual_seed(0)
    Image.new("RGB", (40, 32), "gray").save(tmp_path / "a.png")
    assert main(["bench", "quality", "--set", str(tmp_path), "--task", "denoise", "--sigma", "10", "--lpips"]) == 0
    assert "| LPIPS |" in capsys.readouterr().out
