"""Networks of the zoo with random weights, by spandrel's name of the architecture: tiny, and as published."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from spandrel.architectures.DAT import DAT
from spandrel.architectures.DRUNet import DRUNet
from spandrel.architectures.HAT import HAT
from spandrel.architectures.HVICIDNet import HVICIDNet
from spandrel.architectures.LaMa import LaMa
from spandrel.architectures.NAFNet import NAFNet
from spandrel.architectures.PLKSR import RealPLKSR
from spandrel.architectures.SCUNet import SCUNet
from torch import nn

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

FULL_SIZE_ONLY = frozenset({"LaMa"})
"""Architectures that spandrel builds in one size; they have no place in the fast tests."""
