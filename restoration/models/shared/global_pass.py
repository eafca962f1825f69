"""Models that look at the whole picture in small before they restore its tiles."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from restoration.models.shared.restorers import NetworkRestorer
from restoration.types import Parameters


@dataclass(frozen=True)
class TileContext:
    """Where a tile lies in its picture, and what the look at the whole picture gave.

    Args:
        grid: (1, K, h, w), a grid over the whole picture, as `GlobalPassRestorer.global_pass` returned it.
        rows, columns: first pixel of the tile; negative where the picture is continued at its border.
        height, width: of the whole picture, in pixels.
    """

    grid: Tensor
    rows: int
    columns: int
    height: int
    width: int

    def maps(self, size: tuple[int, int]) -> Tensor:
        """Return the grid at every pixel of a tile of (height, width), (1, K, height, width), bilinearly enlarged.

        Every pixel gets what it would get with the picture in one piece.
        """
        down = _interpolation(self.rows, size[0], self.height, self.grid.shape[2]).to(self.grid)
        across = _interpolation(self.columns, size[1], self.width, self.grid.shape[3]).to(self.grid)
        return down @ self.grid @ across.T


def _interpolation(first: int, count: int, length: int, cells: int) -> Tensor:
    """Return the matrix (count, cells) that takes a row of cells over `length` pixels to `count` of them."""
    centres = (torch.arange(first, first + count) + 0.5) * (cells / length) - 0.5
    distances = centres.clamp(0, cells - 1)[:, None] - torch.arange(cells)
    return (1 - distances.abs()).clamp_min(0)


class GlobalPassRestorer(NetworkRestorer):
    """Base of models that look at the whole picture in small before they restore its tiles.

    The engine calls `global_pass` once for each picture and hands the grid to every call of `restore_tiles`.
    """

    @abc.abstractmethod
    def global_pass(self, small: Tensor, *, parameters: Parameters) -> Tensor:
        """Return what the tiles need to know, (1, K, h, w) float32: a grid over the whole picture.

        Args:
            small: float32, (1, 3, h, w), range [0, 1]: the whole picture, sides up to the contract's `global_pass_px`.
            parameters: of that picture.
        """

    @abc.abstractmethod
    def restore_tiles(
        self, image: Tensor, *, parameters: Sequence[Parameters], contexts: Sequence[TileContext]
    ) -> Tensor:
        """Return the restored batch; arguments and answer as for `restore`, with a `TileContext` for each picture."""

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        contexts = []
        for picture, values in zip(image, parameters, strict=True):
            grid = self.global_pass(shrunk_to(picture[None], side_px=self.contract.global_pass_px), parameters=values)
            contexts.append(TileContext(grid, 0, 0, *picture.shape[1:]))
        return self.restore_tiles(image, parameters=parameters, contexts=contexts)


def shrunk_to(image: Tensor, *, side_px: int) -> Tensor:
    """Return (B, C, H, W) with no side longer than `side_px`, by means over areas; a smaller picture as it is."""
    height, width = image.shape[2:]
    factor = side_px / max(height, width)
    if factor >= 1:
        return image
    size = [max(1, round(side * factor)) for side in (height, width)]
    return functional.interpolate(image, size=size, mode="area")
