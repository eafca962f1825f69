"""The slider between a faithful network and its adversarially trained twin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from restoration.errors import WeightsUnavailable
from restoration.models import damaged_upscaler, rrdbnet
from restoration.models.damaged_upscaler import DamagedUpscaler
from restoration.networks.srvggnet import SRVGGNetCompact
from restoration.networks.unet import ResUNet

RRDB = {"num_in_ch": 3, "num_out_ch": 3, "scale": 4, "num_feat": 8, "num_block": 1, "num_grow_ch": 4}
COMPACT = {"num_feat": 8, "num_conv": 2, "upscale": 4}
IMAGE = torch.rand(1, 3, 12, 10, generator=torch.Generator().manual_seed(0))


def _saved(network: nn.Module, path: Path) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, path)
    return path


def _compact(files: Mapping[str, Path], sharpness: float) -> DamagedUpscaler:
    denoiser = {"widths": [4, 8], "blocks": 1}
    config = {"upscaler": {"num_feat": 8, "num_conv": 2}, "denoiser": denoiser}
    files = {**files, "denoiser": _saved(ResUNet(**denoiser), files["x4"].with_name("denoiser.safetensors"))}
    return damaged_upscaler.build(config=config, weights=files, parameters={"scale": 4, "sharpness": sharpness})


@pytest.mark.parametrize("name", ["compact", "rrdb"])
def test_ends_of_the_slider_are_the_two_networks(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    role = "x4" if name == "compact" else "net"
    networks = [SRVGGNetCompact(**COMPACT) if name == "compact" else rrdbnet.RRDBNet(**RRDB) for _ in range(2)]
    files = [_saved(network, tmp_path / f"{number}.safetensors") for number, network in enumerate(networks)]

    def restore(weights: Mapping[str, Path], sharpness: float) -> torch.Tensor:
        if name == "compact":
            restorer = _compact(weights, sharpness)
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


def test_twins_of_different_networks_are_refused(tmp_path: Path) -> None:
    files = {
        "x4": _saved(SRVGGNetCompact(**COMPACT), tmp_path / "a.safetensors"),
        "x4-sharp": _saved(SRVGGNetCompact(**COMPACT | {"num_conv": 3}), tmp_path / "b.safetensors"),
    }
    with pytest.raises(WeightsUnavailable, match="not of one network"):
        _compact(files, 0.5)
