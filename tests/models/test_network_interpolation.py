"""The slider between a faithful network and its adversarially trained twin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from restoration.errors import WeightsUnavailable
from restoration.models import damaged_upscaler, edsr, rrdbnet
from restoration.models.damaged_upscaler import DamagedUpscaler
from restoration.models.layers import fuse
from restoration.models.unet import ResUNet

RRDB = {"num_in_ch": 3, "num_out_ch": 3, "scale": 4, "num_feat": 8, "num_block": 1, "num_grow_ch": 4}
IMAGE = torch.rand(1, 3, 12, 10, generator=torch.Generator().manual_seed(0))


def _saved(network: nn.Module, path: Path) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, path)
    return path


def _edsr(files: Mapping[str, Path], sharpness: float) -> DamagedUpscaler:
    denoiser = {"widths": [4, 8], "blocks": 1}
    config = {"upscaler": {"width": 8, "blocks": 2}, "denoiser": denoiser}
    files = {**files, "denoiser": _saved(ResUNet(**denoiser), files["x4"].with_name("denoiser.safetensors"))}
    return damaged_upscaler.build(config=config, weights=files, parameters={"scale": 4, "sharpness": sharpness})


@pytest.mark.parametrize("name", ["edsr", "rrdb"])
def test_ends_of_the_slider_are_the_two_networks(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    role = "x4" if name == "edsr" else "net"
    networks = [edsr.EDSR(4, 8, 2) if name == "edsr" else rrdbnet.RRDBNet(**RRDB) for _ in range(2)]
    files = [_saved(network, tmp_path / f"{number}.safetensors") for number, network in enumerate(networks)]

    def restore(weights: Mapping[str, Path], sharpness: float) -> torch.Tensor:
        if name == "edsr":
            restorer = _edsr(weights, sharpness)
        else:
            restorer = rrdbnet.build(config=RRDB, weights=weights, parameters={"sharpness": sharpness})
        with torch.no_grad():
            return restorer.restore(IMAGE, parameters=[{}])

    both = {role: files[0], f"{role}-sharp": files[1]}
    faithful, sharp, between = (restore(both, sharpness) for sharpness in (0.0, 1.0, 0.5))
    torch.testing.assert_close(faithful, restore({role: files[0]}, 0.0))
    torch.testing.assert_close(sharp, restore({role: files[1]}, 1.0))
    assert not torch.allclose(between, faithful)
    assert not torch.allclose(between, sharp)


def test_fused_networks_are_what_lies_between(tmp_path: Path) -> None:
    """Interpolating kernels that were trained in two parts interpolates the collapsed ones."""
    torch.manual_seed(2)
    files, kernels = {}, []
    for role in ("x4", "x4-sharp"):
        network = fuse(edsr.EDSR(4, 8, 2, expansion=2))
        files[role] = _saved(network, tmp_path / f"{role}.safetensors")
        kernels.append(network.body[0].first.weight)
    restorer = _edsr(files, 0.25)
    torch.testing.assert_close(restorer.upscaler.body[0].first.weight, 0.75 * kernels[0] + 0.25 * kernels[1])


def test_twins_of_different_networks_are_refused(tmp_path: Path) -> None:
    files = {
        "x4": _saved(edsr.EDSR(4, 8, 2), tmp_path / "a.safetensors"),
        "x4-sharp": _saved(edsr.EDSR(4, 8, 3), tmp_path / "b.safetensors"),
    }
    with pytest.raises(WeightsUnavailable, match="not of one network"):
        _edsr(files, 0.5)
