"""A denoiser as the idea of a photograph, for methods that alternate between it and what was observed.

Reference:
    Venkatakrishnan et al., Plug-and-Play Priors for Model Based Reconstruction, 2013,
    doi:10.1109/GlobalSIP.2013.6737048;
    Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser Prior, 2021, arXiv:2008.13751.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from restoration.models.shared.contract import Contract
from restoration.models.shared.restorers import NetworkRestorer
from restoration.networks.ircnn import IRCNNBank
from restoration.networks.unet import ResUNet
from restoration.types import Parameters

_LEAST, _MOST = -0.5, 1.5  # far outside what a picture holds, so that nothing can grow without end


class DenoiserPrior(NetworkRestorer):
    """Base of methods that work by `steps` and call `denoise` in each."""

    network: ResUNet | IRCNNBank

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        answers = [
            list(self.steps(picture[None], parameters=each, mask=None if mask is None else mask[index : index + 1]))[
                -1
            ][1]
            for index, (picture, each) in enumerate(zip(image, parameters, strict=True))
        ]
        return torch.cat(answers)

    def denoise(self, image: Tensor, sigma: float) -> Tensor:
        """Return what the denoiser takes for the photograph behind noise of standard deviation `sigma`."""
        told = torch.full((1, 1, 1, 1), sigma, dtype=self.dtype, device=image.device)
        batch = image.to(self.dtype).contiguous(memory_format=torch.channels_last)
        return (image - self.network(batch, told).float()).clamp(_LEAST, _MOST)


def denoiser_of(config: Mapping[str, object], parameters: Parameters) -> ResUNet | IRCNNBank:
    """Return the prior that the parameter "prior" names; without one, the built-in denoiser, shaped by `config`."""
    return IRCNNBank() if parameters.get("prior") == "IRCNN" else ResUNet(**config)  # type: ignore[arg-type]


def whole_picture(network: ResUNet | IRCNNBank) -> Contract:
    """Return the contract of methods whose every pixel depends on all others."""
    return Contract(
        tiling="internal",
        is_iterative=True,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        activation_bytes_per_pixel=4.0 * network.width * 6,
    )
