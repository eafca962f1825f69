"""The contract between a model and the engine: a model declares its needs and knows nothing of devices or tiles."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from restoration.errors import WeightsUnavailable
from restoration.models.torchscript import is_torchscript, read_tensors
from restoration.types import Parameters

Tiling = Literal["supported", "discouraged", "internal"]


@dataclass(frozen=True)
class Contract:
    """Say what a model needs.

    Args:
        scale: output side / input side.
        size_multiple: height and width must be multiples of this; the engine pads (reflection) and crops.
        size_minimum: smallest side the model accepts; the engine pads up to it.
        tiling: "supported" = tiles with `overlap_px` give the whole-image answer; "discouraged" = the whole image
            where it fits, the model uses global statistics; "internal" = never tiled.
        overlap_px: input pixels round a tile that its inner part depends on.
        border_px: how far the picture is continued by its mirror image at its border; networks that pad with zeros
            tint flat colours there otherwise.
        cpu_tile_px: side of a tile on a CPU, short enough (a few tenths of a second) that others need not wait; 0 where
            the memory alone decides.
        cpu_whole_px: a picture of at most this side squared is done in one piece on a CPU, in about a second at most.
        tile_align_px: tiles start at multiples of this (8 for methods tied to the JPEG grid).
        is_iterative: the work is done by `steps`, not by `restore`.
        dtypes: precisions that may be used, best speed first; float32 is always allowed.
        needs_mask: the call takes a mask.
        runs_on_device: False for methods that compute with NumPy or OpenCV on the host.
        activation_bytes_per_pixel: peak activation bytes per input pixel in float32, for the tile budget.
    """

    scale: int = 1
    size_multiple: int = 1
    size_minimum: int = 1
    tiling: Tiling = "supported"
    overlap_px: int = 0
    border_px: int = 0
    cpu_tile_px: int = 0
    cpu_whole_px: int = 0
    tile_align_px: int = 1
    is_iterative: bool = False
    dtypes: tuple[torch.dtype, ...] = (torch.float32,)
    needs_mask: bool = False
    runs_on_device: bool = True
    activation_bytes_per_pixel: float = 0.0


class Restorer(abc.ABC):
    """A loaded model: (B, 3, H, W) in [0, 1] -> (B, 3, scale*H, scale*W)."""

    contract: Contract

    @abc.abstractmethod
    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        """Return the restored batch.

        Args:
            image: float32, (B, 3, H, W), range [0, 1]; H and W obey the contract's size rule. The pictures of a batch
                may belong to different users.
            parameters: for each picture, all parameters of the manifest entry, already divided by their `unit_scale`.
            mask: (B, 1, H, W), 1 = fill; given exactly where the contract's `needs_mask` is True.

        Returns:
            float32, (B, 3, scale*H, scale*W); may overshoot [0, 1], the engine clips.
        """

    def steps(
        self,
        image: Tensor,
        *,
        parameters: Parameters,
        mask: Tensor | None = None,
        kernel: Tensor | None = None,
    ) -> Iterator[tuple[float, Tensor]]:
        """Yield (fraction done, current answer) after every unit of work; the last answer, with 1.0, is the result.

        Methods whose contract says `is_iterative` override this; the engine may stop between any two steps, and where
        the user takes what there is, the answer of the last step becomes the result.

        Args:
            image: as in `restore`, but one picture.
            parameters: of that picture.
            kernel: (k, k'), odd sides, sum 1: the blur to undo, where the user gave one.
        """
        yield 1.0, self.restore(image, parameters=[parameters], mask=mask)

    @property
    def size_bytes(self) -> int:
        """Memory that the weights take."""
        return 0

    def to(self, *, device: torch.device, dtype: torch.dtype) -> None:  # noqa: B027 - a method without weights has none to move
        """Move weights to a device and precision; nothing to do for a method without weights."""


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
        image: npt.NDArray[np.float32],
        *,
        parameters: Parameters,
        mask: npt.NDArray[np.bool_] | None = None,
    ) -> npt.NDArray[np.float32]:
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


class Factory(Protocol):
    """What a model file offers as `build`."""

    def __call__(
        self, *, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters
    ) -> Restorer:
        """Build the model.

        Args:
            config: the manifest entry's `config` table.
            weights: verified local files by role; empty for methods without weights.
            parameters: the values of the parameters marked `is_build`.
        """
        ...


def load_state(path: Path, *, key: str | None = None) -> dict[str, Tensor]:
    """Read a state dict from `.safetensors` or, with `weights_only=True`, from a `.pth` file.

    Args:
        path: a verified local file.
        key: entry of a `.pth` file that holds the state dict ("params_ema", "params"); None for the file itself.

    Raises:
        WeightsUnavailable: the file is not a weights file of that form.
    """
    content = load_file_content(path)
    state = content if key is None else content.get(key)
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        message = (
            f"{path.name} holds no network weights where they are expected; delete it so that it is fetched again."
        )
        raise WeightsUnavailable(message, model=path.stem)
    return {name: tensor.float() for name, tensor in state.items()}


def load_file_content(path: Path) -> dict[str, Any]:
    """Read what a weights file holds; nothing in it is executed, of a TorchScript archive only the tensors are read.

    Raises:
        WeightsUnavailable: the file is neither safetensors, nor a PyTorch file of plain tensors, nor TorchScript.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if is_torchscript(path):
            return dict(read_tensors(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the readers raise a dozen unrelated types for a damaged or hostile file
        message = f"{path.name} cannot be read as network weights; delete it so that it is fetched again."
        raise WeightsUnavailable(message, model=path.stem) from error
    if not isinstance(content, dict):
        message = f"{path.name} holds no network weights; choose another file."
        raise WeightsUnavailable(message, model=path.stem)
    return content


def load_network(network: nn.Module, state: Mapping[str, Tensor], *, model: str) -> None:
    """Put a state dict into a network.

    Raises:
        WeightsUnavailable: names or shapes differ.
    """
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        message = f"The weights of {model} do not fit its network; delete the file so that it is fetched again."
        raise WeightsUnavailable(message, model=model) from error
