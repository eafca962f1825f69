"""Enlarging by interpolation, the baseline of every super-resolution network.

Reference:
    Keys, Cubic Convolution Interpolation for Digital Image Processing, 1981, doi:10.1109/TASSP.1981.1163711;
    Duchon, Lanczos Filtering in One and Two Dimensions, 1979, doi:10.1175/1520-0450(1979)018<1016:LFIOAT>2.0.CO;2.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from restoration.arrays import FloatArray, Mask
from restoration.models.shared.contract import Contract
from restoration.models.shared.restorers import ArrayRestorer
from restoration.types import Parameters

_KERNELS = {"bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}


class Interpolation(ArrayRestorer):
    """Enlarge every channel on float samples, so that 16-bit pictures keep their depth."""

    def __init__(self, kernel: Image.Resampling, contract: Contract) -> None:
        super().__init__(contract)
        self._kernel = kernel

    def restore_array(
        self,
        image: FloatArray,
        *,
        parameters: Parameters,
        mask: Mask | None = None,
    ) -> FloatArray:
        scale = self.contract.scale
        size = (scale * image.shape[1], scale * image.shape[0])
        channels = [Image.fromarray(image[..., channel]).resize(size, self._kernel) for channel in range(3)]
        return np.stack([np.asarray(channel) for channel in channels], axis=2)


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> Interpolation:
    """Build the method for the kernel that `config` names and the scale asked for."""
    contract = Contract(
        scale=int(parameters["scale"]), overlap_px=4, runs_on_device=False, activation_bytes_per_pixel=400.0
    )
    return Interpolation(_KERNELS[str(config["kernel"])], contract)
