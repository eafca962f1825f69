"""TorchScript archives: their tensors are read, their code is not run."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from restoration.errors import WeightsUnavailable
from restoration.models.shared.state import load_state
from restoration.weights.torchscript import is_torchscript, read_tensors


class _Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.tail = nn.Conv2d(4, 3, 1, bias=False)
        self.register_buffer("table", torch.arange(6).reshape(2, 3).t())
        self.sides = [1, 2]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.tail(self.body(x)) * self.sides[0]


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return _Network().eval()


@pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated")
@pytest.mark.parametrize("kind", ["script", "trace"])
def test_tensors_are_those_of_the_state_dict(network: nn.Module, tmp_path: Path, kind: str) -> None:
    made = torch.jit.script(network) if kind == "script" else torch.jit.trace(network, torch.zeros(1, 3, 8, 8))
    made.save(str(tmp_path / "net.pt"))
    found, expected = read_tensors(tmp_path / "net.pt"), network.state_dict()
    assert found.keys() >= expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name


@pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated")
def test_archive_is_opened_like_any_weights_file(network: nn.Module, tmp_path: Path) -> None:
    torch.jit.script(network).save(str(tmp_path / "net.pt"))
    torch.save(network.state_dict(), tmp_path / "net.pth")
    assert is_torchscript(tmp_path / "net.pt")
    assert not is_torchscript(tmp_path / "net.pth")
    assert load_state(tmp_path / "net.pt").keys() == load_state(tmp_path / "net.pth").keys()


class _Attack:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("executed",))


def test_archive_with_a_call_in_it_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile(tmp_path / "evil.pt", "w") as archive:
        archive.writestr("evil/data.pkl", pickle.dumps(_Attack(), protocol=2))
        archive.writestr("evil/constants.pkl", b"")
    with pytest.raises(WeightsUnavailable, match="cannot be read"):
        load_state(tmp_path / "evil.pt")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [b"", b"\x80\x02K\x01."])
def test_archive_without_weights_is_refused(tmp_path: Path, content: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "odd.pt", "w") as archive:
        archive.writestr("odd/data.pkl", content)
        archive.writestr("odd/constants.pkl", b"")
    with pytest.raises(WeightsUnavailable, match="delete it"):
        load_state(tmp_path / "odd.pt")
