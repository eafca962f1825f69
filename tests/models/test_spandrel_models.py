from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from restoration.errors import WeightsUnavailable
from restoration.models.shared.state import load_file_content
from restoration.models.spandrel_models import build
from tests.models import zoo


def test_noise_level_reaches_drunet(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = zoo.TINY["DRUNet"]()
    torch.save(network.state_dict(), tmp_path / "net.pth")
    restorer = build(config={"architecture": "DRUNet"}, weights={"net": tmp_path / "net.pth"}, parameters={})
    pair = torch.rand(1, 3, 16, 16).expand(2, 3, 16, 16)
    with torch.inference_mode():
        restored = restorer.restore(pair, parameters=[{"sigma": 0.1}, {"sigma": 0.2}])
        levels = torch.tensor([0.1, 0.2]).reshape(2, 1, 1, 1).expand(2, 1, 16, 16)
        expected = network(torch.cat([pair, levels], dim=1))
    torch.testing.assert_close(restored, expected)


def test_gray_network_treats_the_channels_alike(tmp_path: Path) -> None:
    from spandrel.architectures.DnCNN import DnCNN

    torch.manual_seed(0)
    torch.save(DnCNN(in_nc=1, out_nc=1, nc=8, nb=4).state_dict(), tmp_path / "net.pth")
    restorer = build(config={}, weights={"net": tmp_path / "net.pth"}, parameters={})
    gray = torch.rand(2, 1, 20, 30).expand(2, 3, 20, 30)
    with torch.inference_mode():
        restored = restorer.restore(gray, parameters=[{}, {}])
    assert restored.shape == gray.shape
    torch.testing.assert_close(restored[:, 0], restored[:, 2])


def test_file_of_another_architecture_is_refused_by_name(tmp_path: Path) -> None:
    torch.save(zoo.TINY["NAFNet"]().state_dict(), tmp_path / "net.pth")
    with pytest.raises(WeightsUnavailable, match="holds a NAFNet where a SCUNet was expected"):
        build(config={"architecture": "SCUNet"}, weights={"net": tmp_path / "net.pth"}, parameters={})


def test_tensors_that_are_no_known_network_are_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, tmp_path / "net.safetensors")
    with pytest.raises(WeightsUnavailable, match="no network that is known here"):
        build(config={}, weights={"net": tmp_path / "net.safetensors"}, parameters={})


class _Trap:
    """Code that a pickle would run when it is opened."""

    sprung = False

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (setattr, (_Trap, "sprung", True))


@pytest.mark.parametrize("content", [b"", b"not a file of tensors", b"PK\x03\x04 cut off"])
def test_file_that_holds_no_tensors_is_refused(content: bytes, tmp_path: Path) -> None:
    for name in ("net.pth", "net.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsUnavailable, match="cannot be read as network weights"):
            load_file_content(tmp_path / name)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    torch.save({"weight": _Trap()}, tmp_path / "net.pth")
    with pytest.raises(WeightsUnavailable):
        load_file_content(tmp_path / "net.pth")
    assert not _Trap.sprung


def test_header_that_promises_too_much_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.safetensors").write_bytes((200_000_000).to_bytes(8, "little") + b"{" + b" " * 1000)
    with pytest.raises(WeightsUnavailable):
        load_file_content(tmp_path / "net.safetensors")
