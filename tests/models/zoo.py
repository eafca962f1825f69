"""Weights files with random content, as small as a model's file can be: of its own networks, and of foreign forms.

`TINY` and `PUBLISHED` are networks that spandrel detects, by its name of the architecture, and as published.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import save_file
from spandrel.architectures.DAT import DAT
from spandrel.architectures.DRUNet import DRUNet
from spandrel.architectures.HAT import HAT
from spandrel.architectures.HVICIDNet import HVICIDNet
from spandrel.architectures.LaMa import LaMa
from spandrel.architectures.NAFNet import NAFNet
from spandrel.architectures.PLKSR import RealPLKSR
from spandrel.architectures.SCUNet import SCUNet
from torch import nn

from restoration.types import ModelInfo, Parameters
from tests.models.onnx_graphs import constant_fill

TINY: Mapping[str, Callable[[], nn.Module]] = {
    "SCUNet": lambda: SCUNet(config=[1] * 7),
    "DRUNet": lambda: DRUNet(in_nc=4, out_nc=3, nc=[8, 8, 8, 8], nb=2),
    "NAFNet": lambda: NAFNet(width=8, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1]),
    "PLKSR": lambda: RealPLKSR(dim=8, n_blocks=3, kernel_size=5),
    "DAT": lambda: DAT(img_size=16, embed_dim=32, depth=[2], num_heads=[2], expansion_factor=2, upscale=4),
    "HAT": lambda: HAT(
        img_size=32, window_size=16, embed_dim=24, depths=(2,), num_heads=(2,), squeeze_factor=6, upscale=4
    ),
    "HVICIDNet": lambda: HVICIDNet(channels=[8, 8, 16, 32]),
}

PUBLISHED: Mapping[str, Callable[[], nn.Module]] = {
    "scunet": SCUNet,
    "drunet": lambda: DRUNet(in_nc=4, out_nc=3),
    "nafnet-sidd": lambda: NAFNet(width=64, middle_blk_num=12, enc_blk_nums=[2, 2, 4, 8], dec_blk_nums=[2, 2, 2, 2]),
    "nafnet-gopro": lambda: NAFNet(width=64, middle_blk_num=1, enc_blk_nums=[1, 1, 1, 28], dec_blk_nums=[1, 1, 1, 1]),
    "realplksr-nomos": RealPLKSR,
    "dat-nomos": lambda: DAT(
        split_size=[8, 32], depth=[6] * 6, num_heads=[6] * 6, expansion_factor=2, upscale=4, resi_connection="1conv"
    ),
    "hat-s": lambda: HAT(
        window_size=16,
        embed_dim=144,
        depths=(6,) * 6,
        num_heads=(6,) * 6,
        compress_ratio=24,
        squeeze_factor=24,
        mlp_ratio=2,
        upscale=4,
    ),
    "lama": lambda: LaMa(in_nc=4, out_nc=3),
    "hvi-cidnet": HVICIDNet,
}


def _detected(info: ModelInfo, path: Path) -> None:
    _save(TINY[str(info.config["architecture"])](), path, key=None)


def _onnx(info: ModelInfo, path: Path) -> None:
    path.write_bytes(constant_fill(100).SerializeToString())


FOREIGN: Mapping[str, Callable[[ModelInfo, Path], None]] = {"spandrel_models": _detected, "migan": _onnx}
"""Who writes a small file for model files that open a foreign form of weights and so have no `networks`."""

FOR_OTHERS = frozenset({"noise-level"})
"""Roles of files that an entry lists and its model does not open: with this one, the diagnosis measures noise."""


def module_of(info: ModelInfo) -> ModuleType:
    """Return the model file of an entry."""
    return import_module(f"restoration.models.{info.factory.split(':')[0]}")


def is_small(info: ModelInfo) -> bool:
    """Tell whether a model can be built small: spandrel builds some architectures in one size only."""
    architecture = info.config.get("architecture")
    return architecture is None or architecture in TINY


def write_weights(
    info: ModelInfo, folder: Path, *, config: Mapping[str, Any], parameters: Parameters
) -> dict[str, Path]:
    """Write random weights for the files that a model needs with these parameters; return them by role."""
    torch.manual_seed(0)
    module, files = (
        module_of(info),
        [file for file in info.files if file.role not in FOR_OTHERS and file.is_needed(parameters)],
    )
    paths = {file.role: folder / f"{file.role}{Path(str(file.path or file.filename)).suffix}" for file in files}
    if hasattr(module, "networks"):
        made = module.networks(config, parameters)
        for role, path in paths.items():
            _save(made[role], path, key=getattr(module, "STATE_KEY", None))
    else:
        for path in paths.values():
            FOREIGN[module.__name__.rsplit(".", 1)[1]](info, path)
    return paths


def _save(network: nn.Module, path: Path, *, key: str | None) -> None:
    state = network.state_dict()
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state if key is None else {key: state}, path)
