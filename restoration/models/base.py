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
from torch.nn import functional

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
        cpu_whole_px: a picture of at most this side squared is done in one piece on a CPU, in about a second where
            bfloat16 is fast.
        tile_align_px: tiles start at multiples of this (8 for methods tied to the JPEG grid).
        is_iterative: the work is done by `steps`, not by `restore`.
        dtypes: precisions that may be used, best speed first; float32 is always allowed.
        needs_mask: the call takes a mask.
        survey_px: long side of the small whole picture that a `SurveyingRestorer` looks at first; 0 for all others.
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
    survey_px: int = 0
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


@dataclass(frozen=True)
class Part:
    """Where a tile lies in its picture, and what the survey of that picture found.

    Args:
        finding: (1, K, h, w), a grid over the whole picture, as `SurveyingRestorer.survey` returned it.
        rows, columns: first pixel of the tile; negative where the picture is continued at its border.
        height, width: of the whole picture, in pixels.
    """

    finding: Tensor
    rows: int
    columns: int
    height: int
    width: int

    def maps(self, size: tuple[int, int]) -> Tensor:
        """Return the finding at every pixel of a tile of (height, width), (1, K, height, width), bilinearly enlarged.

        Every pixel gets what it would get with the picture in one piece.
        """
        down = _interpolation(self.rows, size[0], self.height, self.finding.shape[2]).to(self.finding)
        across = _interpolation(self.columns, size[1], self.width, self.finding.shape[3]).to(self.finding)
        return down @ self.finding @ across.T


def _interpolation(first: int, count: int, length: int, cells: int) -> Tensor:
    """Return the matrix (count, cells) that takes a row of cells over `length` pixels to `count` of them."""
    centres = (torch.arange(first, first + count) + 0.5) * (cells / length) - 0.5
    distances = centres.clamp(0, cells - 1)[:, None] - torch.arange(cells)
    return (1 - distances.abs()).clamp_min(0)


class SurveyingRestorer(NetworkRestorer):
    """Base of models that look at the whole picture in small before they restore its tiles.

    The engine calls `survey` once for each picture and hands the finding to every call of `restore_parts`.
    """

    @abc.abstractmethod
    def survey(self, small: Tensor, *, parameters: Parameters) -> Tensor:
        """Return what the tiles need to know, (1, K, h, w) float32: a grid over the whole picture.

        Args:
            small: float32, (1, 3, h, w), range [0, 1]: the whole picture, no side above the contract's `survey_px`.
            parameters: of that picture.
        """

    @abc.abstractmethod
    def restore_parts(self, image: Tensor, *, parameters: Sequence[Parameters], parts: Sequence[Part]) -> Tensor:
        """Return the restored batch; arguments and answer as for `restore`, with a `Part` for each picture."""

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        parts = []
        for picture, values in zip(image, parameters, strict=True):
            finding = self.survey(shrunk_to(picture[None], side_px=self.contract.survey_px), parameters=values)
            parts.append(Part(finding, 0, 0, *picture.shape[1:]))
        return self.restore_parts(image, parameters=parameters, parts=parts)


def shrunk_to(image: Tensor, *, side_px: int) -> Tensor:
    """Return (B, C, H, W) with no side longer than `side_px`, by means over areas; a smaller picture as it is."""
    height, width = image.shape[2:]
    factor = side_px / max(height, width)
    if factor >= 1:
        return image
    size = [max(1, round(side * factor)) for side in (height, width)]
    return functional.interpolate(image, size=size, mode="area")


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


class FillingRestorer(ArrayRestorer):
    """Base of classical methods that fill one piece of the holes after the other, on the host."""

    def __init__(self) -> None:
        super().__init__(Contract(tiling="internal", is_iterative=True, needs_mask=True, runs_on_device=False))

    @abc.abstractmethod
    def fill(
        self, image: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_], *, parameters: Parameters
    ) -> Iterator[tuple[float, npt.NDArray[np.float32]]]:
        """Yield (fraction done, picture filled so far), the last time (1.0, the answer).

        Args:
            image: (H, W, 3) float32, range [0, 1].
            mask: (H, W), True = fill.
        """

    def restore_array(
        self,
        image: npt.NDArray[np.float32],
        *,
        parameters: Parameters,
        mask: npt.NDArray[np.bool_] | None = None,
    ) -> npt.NDArray[np.float32]:
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


def interpolate(first: Mapping[str, Tensor], second: Mapping[str, Tensor], *, share: float) -> dict[str, Tensor]:
    """Return `share * first + (1 - share) * second` for every tensor of two state dicts of one network.

    Between a network and one that was trained on from it this gives a network between the two.

    Raises:
        WeightsUnavailable: the two are not of one network.

    Reference:
        Wang et al., Deep Network Interpolation for Continuous Imagery Effect Transition, 2019, arXiv:1811.10515.
    """
    shapes = [{name: tensor.shape for name, tensor in state.items()} for state in (first, second)]
    if shapes[0] != shapes[1]:
        message = "The two weights files of this model are not of one network; delete them so that they come again."
        raise WeightsUnavailable(message, model="network interpolation")
    return {name: share * tensor + (1 - share) * second[name] for name, tensor in first.items()}


def load_between(weights: Mapping[str, Path], role: str, *, share: float, key: str | None = None) -> dict[str, Tensor]:
    """Read the weights of a role, or where the file "<role>-sharp" is given too, what lies between the two.

    Args:
        share: 0 takes the file of the role, 1 its sharper twin.
        key: see `load_state`.

    Raises:
        WeightsUnavailable: a file is not a weights file, or the two are not of one network.
    """
    state = load_state(weights[role], key=key)
    twin = weights.get(f"{role}-sharp")
    return state if twin is None else interpolate(load_state(twin, key=key), state, share=share)
