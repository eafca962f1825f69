"""The network of ESRGAN and Real-ESRGAN (RRDBNet) from basicsr.

Reference:
    Wang et al., ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks, 2018, arXiv:1809.00219;
    Wang et al., Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data, 2021,
    arXiv:2107.10833.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from restoration.models.shared.contract import Contract
from restoration.models.shared.restorers import NetworkRestorer
from restoration.models.shared.state import load_between, load_network
from restoration.models.shared.torchvision_compat import provide_functional_tensor
from restoration.types import Parameters

provide_functional_tensor()

from basicsr.archs.arch_util import pixel_unshuffle  # noqa: E402 - needs the module above
from basicsr.archs.rrdbnet_arch import RRDBNet  # noqa: E402

_FIRST_SHARE = 0.1  # of the channels beside the colours in an untrained answer


class EasedRRDBNet(RRDBNet):  # type: ignore[misc]  # basicsr has no types
    """The x4 network, which untrained enlarges bilinearly, so that training need not begin with finding out how.

    The first three channels carry the colours: copied by the first convolution, smoothed after each doubling, and
    copied out again; the dense blocks and all other channels start at random, as usual.
    """

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        smooth = torch.tensor([1.0, 2.0, 1.0]).outer(torch.tensor([1.0, 2.0, 1.0])) / 16
        copy = torch.zeros(3, 3)
        copy[1, 1] = 1
        kernels = {"conv_first": copy, "conv_up1": smooth, "conv_up2": smooth, "conv_hr": copy, "conv_last": copy}
        with torch.no_grad():
            self.conv_body.weight[:3] = 0
            self.conv_body.bias[:3] = 0
            self.conv_last.weight.mul_(_FIRST_SHARE)
            for name, kernel in kernels.items():
                layer = getattr(self, name)
                layer.bias[:3] = 0
                if name == "conv_last":
                    layer.weight[:, :3] = 0
                else:
                    layer.weight[:3] = 0
                for colour in range(3):
                    layer.weight[colour, colour] = kernel


class RRDBRestorer(NetworkRestorer):
    """Run basicsr's network; in low precision the convolutions only, while the residual stream stays in float32.

    The stream is added to 92 times. Rounded to bfloat16 each time, the answer is 45 dB near to float32 (random
    weights); with the stream in float32 it is 50 dB, at no cost in time.
    """

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        if self.dtype == torch.float32:
            return super().restore(image, parameters=parameters, mask=mask)
        network: Any = self.network  # torch types every attribute of a module as a tensor or a module
        dtype = self.dtype
        unshuffle = 4 // int(network.scale)
        x = pixel_unshuffle(image, scale=unshuffle) if unshuffle > 1 else image
        x = x.contiguous(memory_format=torch.channels_last)
        shallow = network.conv_first(x.to(dtype)).float()
        stream = shallow
        for block in network.body:
            inner = stream
            for dense in (block.rdb1, block.rdb2, block.rdb3):
                inner = torch.add(inner, _dense(dense, inner.to(dtype)).float(), alpha=0.2)
            stream = torch.add(stream, inner, alpha=0.2)
        features = (shallow + network.conv_body(stream.to(dtype)).float()).to(dtype)
        for convolution in (network.conv_up1, network.conv_up2):
            enlarged = functional.interpolate(features, scale_factor=2, mode="nearest")
            features = network.lrelu(convolution(enlarged))
        restored: Tensor = network.conv_last(network.lrelu(network.conv_hr(features)))
        return restored.float()


def _dense(block: Any, x: Tensor) -> Tensor:
    """Return the residual of a dense block, without the block's own addition."""
    features = [x]
    for convolution in (block.conv1, block.conv2, block.conv3, block.conv4):
        features.append(block.lrelu(convolution(torch.cat(features, dim=1))))
    residual: Tensor = block.conv5(torch.cat(features, dim=1))
    return residual


STATE_KEY = "params_ema"
TINY = {"num_feat": 4, "num_block": 1, "num_grow_ch": 4}


def networks(config: Mapping[str, object], parameters: Parameters) -> dict[str, RRDBNet]:
    """Return the network, which takes the weights "net" or their sharper twin, or what lies between the two."""
    network = RRDBNet(**config)
    return {"net": network, "net-sharp": network}


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> RRDBRestorer:
    """Build the network; the x2 form works on pixels unshuffled by 2, the x1 form by 4.

    With a file "net-sharp" beside "net", `sharpness` leads from the one (0, faithful) to the other (1).
    """
    network = networks(config, parameters)["net"]
    state = load_between(weights, "net", share=float(parameters.get("sharpness", 1.0)), key=STATE_KEY)
    load_network(network, state, model="the residual-in-residual dense network")
    unshuffle = 4 // network.scale
    contract = Contract(
        scale=network.scale,
        size_multiple=unshuffle,
        size_minimum=4 * unshuffle,
        overlap_px=unshuffle * (15 * len(network.body) + 4),
        border_px=4,
        cpu_tile_px=288,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        activation_bytes_per_pixel=4.0 * network.conv_first.out_channels * 24 / unshuffle**2,
    )
    return RRDBRestorer(network, contract)
