"""What a JPEG file's quantisation tables tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

# ITU-T T.81, table K.1: luminance; in row order
_LUMINANCE = np.array(
    [
        *(16, 11, 10, 16, 24, 40, 51, 61),
        *(12, 12, 14, 19, 26, 58, 60, 55),
        *(14, 13, 16, 24, 40, 57, 69, 56),
        *(14, 17, 22, 29, 51, 87, 80, 62),
        *(18, 22, 37, 56, 68, 109, 103, 77),
        *(24, 35, 55, 64, 81, 104, 113, 92),
        *(49, 64, 78, 87, 103, 121, 120, 101),
        *(72, 92, 95, 98, 112, 100, 103, 99),
    ]
)


def estimate_quality(tables: Mapping[int, Sequence[int]]) -> int | None:
    """Return the libjpeg quality 1-100 whose luminance table is nearest, or None without a table.

    Args:
        tables: quantisation tables by number, 64 entries each, in any order of entries.
    """
    table = tables.get(0)
    if table is None or len(table) != 64:
        return None
    wanted = np.sort(np.asarray(table))
    distances = [np.abs(np.sort(jpeg_table(quality)) - wanted).sum() for quality in range(1, 101)]
    return int(np.argmin(distances)) + 1


def jpeg_table(quality: int) -> np.ndarray:
    """Return libjpeg's luminance table for a quality 1-100, (64,), row order (jpeg_set_quality, baseline forced)."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((_LUMINANCE * percent + 50) // 100, 1, 255)
