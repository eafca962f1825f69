"""The contract between a model and the engine: a model declares its needs and knows nothing of devices or tiles.

A file of `restoration.models` offers, by these names (docs/adding-a-model.md shows two):

- `build`, or several that begin so (`build_denoiser`): a `Factory`, which the manifest entry names.
- `networks`, where weights files hold state dicts: `Networks`, which `build` uses, too.
- `STATE_KEY`, where the published `.pth` files keep the state dict below a key ("params", "params_ema").
- `TINY`, where a network would be slow to test: the part of the configuration that makes it small. The common tests
  run on the entry's `config` with that changed.

Files that open weights of a foreign form (spandrel's detection, ONNX) have no `networks`; the tests keep a small file
of that form in tests/models/zoo.py.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

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
        global_pass_px: long side of the small whole picture that a `GlobalPassRestorer` looks at first; 0 for others.
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
    global_pass_px: int = 0
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
            mask: (B, 1, H, W), 1 = fill; given where the contract's `needs_mask` is True. To a remover of dots
                (B, 3, H, W), 1 = dot, where the service has found them; else it finds black and white ones itself.

        Returns:
            float32, (B, 3, scale*H, scale*W); may overshoot [0, 1], the engine clips.
        """

    def units(
        self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None
    ) -> Iterator[tuple[float, Tensor | None]]:
        """Yield (fraction done, None) after every unit of work but the last, then (1.0, the restored batch).

        The engine may stop or do other work between any two units. Self-ensembles override this: one view is one unit.
        Arguments as for `restore`, whose result the last unit has.
        """
        yield 1.0, self.restore(image, parameters=parameters, mask=mask)

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


class Factory(Protocol):
    """What a model file offers as `build`."""

    def __call__(
        self, *, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters
    ) -> Restorer:
        """Build the model.

        Args:
            config: the manifest entry's `config` table.
            weights: verified local files by role; empty for methods without weights.
            parameters: the values of the parameters marked `affects_weights`.
        """
        ...


class Networks(Protocol):
    """What a model file offers as `networks`."""

    def __call__(self, config: Mapping[str, object], parameters: Parameters, /) -> Mapping[str, nn.Module]:
        """Return the networks with random weights, by the roles of the weights files that they take.

        A network under two roles takes both files: one after the other, or what lies between their weights.

        Args:
            config: the manifest entry's `config` table.
            parameters: as for `build`; decides which networks there are where an entry has files for each choice.
        """
        ...
