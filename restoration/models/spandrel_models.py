"""Networks of the community through spandrel, which detects the architecture from the weights.

A manifest entry that names an `architecture` refuses files of another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spandrel
import torch
from spandrel import ImageModelDescriptor, MaskedImageModelDescriptor, ModelTiling
from torch import Tensor, nn

from restoration.errors import WeightsUnavailable
from restoration.models.shared.contract import Contract, Restorer, Tiling
from restoration.models.shared.state import load_file_content
from restoration.types import Parameters

_TILING: Mapping[ModelTiling, Tiling] = {
    ModelTiling.SUPPORTED: "supported",
    ModelTiling.DISCOURAGED: "discouraged",
    ModelTiling.INTERNAL: "internal",
}
_REACH_PX = 64
"""How far such networks look is not declared; more than the largest overlap, so their tiles are blended."""
_BORDER_PX = 8
_ACTIVATION_BYTES_PER_PIXEL = 8000.0
_CPU_TILE_PX = 256
_FLOAT32_ONLY = frozenset({"LaMa"})
"""Networks with Fourier transforms, which exist in float32 only, whatever spandrel says of them."""

Descriptor = Any  # spandrel.ImageModelDescriptor or MaskedImageModelDescriptor


class CommunityRestorer(Restorer):
    """Run a network that spandrel has built. Gray networks see the three channels as three pictures."""

    def __init__(self, descriptor: Descriptor, contract: Contract) -> None:
        descriptor.eval()
        self.descriptor = descriptor
        self.contract = contract
        self.dtype = torch.float32

    @property
    def network(self) -> nn.Module:
        """The network itself, on the device and in the precision that it was moved to."""
        return self.descriptor.model

    @property
    def size_bytes(self) -> int:
        return sum(tensor.numel() * tensor.element_size() for tensor in self.network.state_dict().values())

    def to(self, *, device: torch.device, dtype: torch.dtype) -> None:
        self.network.to(device=device, dtype=dtype)
        self.dtype = dtype

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        batch = image.to(self.dtype)
        if mask is not None:
            assert isinstance(self.descriptor, MaskedImageModelDescriptor)
            return self.descriptor(batch, mask.to(self.dtype)).float()
        assert isinstance(self.descriptor, ImageModelDescriptor)
        is_gray = self.descriptor.input_channels == 1
        planes = batch.flatten(0, 1)[:, None] if is_gray else batch
        if self.descriptor.architecture.id == "DRUNet":  # spandrel fixes the noise level at 15 of 255
            answer = self._with_noise_level(planes, parameters)
        else:
            answer = self.descriptor(planes)
        return answer.float().reshape(image.shape[0], 3, *answer.shape[2:])

    def _with_noise_level(self, planes: Tensor, parameters: Sequence[Parameters]) -> Tensor:
        copies = len(planes) // len(parameters)
        levels = [float(each["sigma"]) for each in parameters for _ in range(copies)]
        sigma = torch.tensor(levels, dtype=planes.dtype, device=planes.device).reshape(-1, 1, 1, 1)
        level = sigma.expand(-1, 1, *planes.shape[2:])
        answer: Tensor = self.network(torch.cat([planes, level], dim=1))
        return answer


@dataclass(frozen=True)
class Detected:
    """What a weights file turned out to be; `purpose` is spandrel's word: SR, FaceSR, Restoration or Inpainting."""

    architecture: str
    purpose: str
    scale: int


def inspect(path: Path) -> Detected:
    """Tell what network a file holds.

    Raises:
        WeightsUnavailable: none that is known here.
    """
    descriptor = _load(path)
    return Detected(descriptor.architecture.id, descriptor.purpose, descriptor.scale)


def _load(path: Path) -> Descriptor:
    state = spandrel.canonicalize_state_dict(load_file_content(path))
    try:
        return spandrel.ModelLoader().load_from_state_dict(state)
    except Exception as error:  # spandrel's loaders raise what the wrong shapes happen to cause
        message = f"{path.name} holds no network that is known here; choose another file."
        raise WeightsUnavailable(message, model=path.stem) from error


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> CommunityRestorer:
    """Build the network that the file "net" holds."""
    path = weights["net"]
    descriptor = _load(path)
    wanted = config.get("architecture")
    if wanted is not None and descriptor.architecture.id != wanted:
        message = f"{path.name} holds a {descriptor.architecture.id} where a {wanted} was expected; fetch it again."
        raise WeightsUnavailable(message, model=path.stem)
    sizes = descriptor.size_requirements
    multiple = sizes.multiple_of or 1
    is_exact = descriptor.architecture.id in _FLOAT32_ONLY
    low = (
        [] if is_exact else [torch.bfloat16] * descriptor.supports_bfloat16 + [torch.float16] * descriptor.supports_half
    )
    contract = Contract(
        scale=descriptor.scale,
        size_multiple=multiple,
        size_minimum=max(sizes.minimum, multiple),
        tiling=_TILING[descriptor.tiling],
        overlap_px=_REACH_PX,
        border_px=-(-_BORDER_PX // multiple) * multiple if multiple <= _BORDER_PX else 0,
        cpu_tile_px=_CPU_TILE_PX,
        dtypes=(*low, torch.float32),
        needs_mask=isinstance(descriptor, MaskedImageModelDescriptor),
        activation_bytes_per_pixel=_ACTIVATION_BYTES_PER_PIXEL,
    )
    return CommunityRestorer(descriptor, contract)
