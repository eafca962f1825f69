"""Bases of restorers: a network's wrapper, a method on arrays, a method that fills holes piece by piece."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from restoration.arrays import FloatArray, Mask
from restoration.models.shared.contract import Contract, Restorer
from restoration.types import Parameters


class NetworkRestorer(Restorer):
    """Wrap an `nn.Module`; weights live in `self.network`, and inputs are cast to its precision."""

    def __init__(self, network: nn.Module, contract: Contract) -> None:
        self.network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.contract = contract
        self.dtype = torch.float32

    @property
    def size_bytes(self) -> int:
        return sum(tensor.numel() * tensor.element_size() for tensor in self.network.state_dict().values())

    def to(self, *, device: torch.device, dtype: torch.dtype) -> None:
        self.network.to(device=device, dtype=dtype).to(memory_format=torch.channels_last)
        self.dtype = dtype

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        batch = image.to(self.dtype).contiguous(memory_format=torch.channels_last)
        restored: Tensor = self.network(batch)
        return restored.float()


class ArrayRestorer(Restorer):
    """Base of classical methods: `restore_array` works on one float32 RGB HWC picture in [0, 1] on the host."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract

    @abc.abstractmethod
    def restore_array(
        self,
        image: FloatArray,
        *,
        parameters: Parameters,
        mask: Mask | None = None,
    ) -> FloatArray:
        """Return the restored picture, (scale*H, scale*W, 3) float32.

        Args:
            image: (H, W, 3) float32, range [0, 1].
            parameters: of this picture.
            mask: (H, W), True = fill, or None.
        """

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        restored = []
        for index, picture in enumerate(image.float().cpu().numpy()):
            pixels = np.ascontiguousarray(picture.transpose(1, 2, 0))
            holes = None if mask is None else mask[index, 0].cpu().numpy() > 0.5
            answer = self.restore_array(pixels, parameters=parameters[index], mask=holes)
            restored.append(torch.from_numpy(np.ascontiguousarray(answer, dtype=np.float32)).permute(2, 0, 1))
        return restored[0][None] if len(restored) == 1 else torch.stack(restored)


class FillingRestorer(ArrayRestorer):
    """Base of classical methods that fill one piece of the holes after the other, on the host."""

    def __init__(self) -> None:
        super().__init__(Contract(tiling="internal", is_iterative=True, needs_mask=True, runs_on_device=False))

    @abc.abstractmethod
    def fill(self, image: FloatArray, mask: Mask, *, parameters: Parameters) -> Iterator[tuple[float, FloatArray]]:
        """Yield (fraction done, picture filled so far), the last time (1.0, the answer).

        Args:
            image: (H, W, 3) float32, range [0, 1].
            mask: (H, W), True = fill.
        """

    def restore_array(
        self,
        image: FloatArray,
        *,
        parameters: Parameters,
        mask: Mask | None = None,
    ) -> FloatArray:
        assert mask is not None
        *_, (_, answer) = self.fill(image, mask, parameters=parameters)
        return answer

    def steps(
        self,
        image: Tensor,
        *,
        parameters: Parameters,
        mask: Tensor | None = None,
        kernel: Tensor | None = None,
    ) -> Iterator[tuple[float, Tensor]]:
        assert mask is not None
        pixels = np.ascontiguousarray(image[0].permute(1, 2, 0).float().cpu().numpy())
        for fraction, answer in self.fill(pixels, mask[0, 0].cpu().numpy() > 0.5, parameters=parameters):
            yield fraction, torch.from_numpy(answer.copy()).permute(2, 0, 1)[None]
