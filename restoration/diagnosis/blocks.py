"""Spectra of 8x8 blocks, on the grid that JPEG uses."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from restoration.arrays import FloatArray

BLOCK_PX = 8
MOST_BLOCKS = 16_000

_CLIPPED = 0.5 / 255


def spectra(plane: FloatArray, *, keep_clipped: bool = False, most: int = MOST_BLOCKS) -> FloatArray:
    """Return the DCT coefficients of blocks all over a plane, in 0-255 units.

    Args:
        plane: (H, W), range [0, 1]; what is left over at the right and below is not looked at.
        keep_clipped: also take blocks that reach black or white, where damage is cut off.
        most: how many blocks are taken at most.

    Returns:
        (N, 8, 8): row frequency, column frequency.
    """
    rows, columns = plane.shape[0] // BLOCK_PX, plane.shape[1] // BLOCK_PX
    whole = plane[: rows * BLOCK_PX, : columns * BLOCK_PX]
    grid = whole.reshape(rows, BLOCK_PX, columns, BLOCK_PX).transpose(0, 2, 1, 3)
    chosen = _chosen_blocks(rows, columns, most)
    blocks = grid[chosen // max(1, columns), chosen % max(1, columns)]
    if not keep_clipped:
        is_clipped = (blocks <= _CLIPPED).any(axis=(1, 2)) | (blocks >= 1 - _CLIPPED).any(axis=(1, 2))
        blocks = blocks[~is_clipped]
    basis = _dct_basis()
    return np.asarray(basis @ (255 * blocks - 128) @ basis.T, dtype=np.float32)


def count_blocks(height: int, width: int) -> int:
    """Return how many blocks of a plane `spectra` looks at, clipped ones included."""
    return len(_chosen_blocks(height // BLOCK_PX, width // BLOCK_PX, MOST_BLOCKS))


def _chosen_blocks(rows: int, columns: int, most: int) -> npt.NDArray[np.int64]:
    """Return the numbers of evenly spread blocks of a grid, counted row by row."""
    return np.arange(0, rows * columns, max(1, -(-rows * columns // most)))


@functools.cache
def _dct_basis() -> FloatArray:
    """Return the orthonormal DCT-II matrix of 8 points."""
    k, n = np.mgrid[0:BLOCK_PX, 0:BLOCK_PX]
    basis = np.cos(np.pi * (2 * n + 1) * k / (2 * BLOCK_PX)) * np.sqrt(2 / BLOCK_PX)
    basis[0] /= np.sqrt(2)
    return basis.astype(np.float32)
