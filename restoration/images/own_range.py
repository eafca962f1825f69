"""Deep pictures that use only the lowest bits: 10 or 12 bits of a camera or scanner in samples of 16."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from restoration.images.picture import Picture

_USED_BITS = (8, 10, 12, 14)
_LARGEST = 65535


def in_own_range(picture: Picture) -> Picture:
    """Return a picture whose samples use only the lowest of 16 bits, with the largest value of those bits as 1.

    Noise is then measured, and levels count, as in any other picture; files of 16 bits are written in the old range.
    What uses more, and a black picture, comes back as it is. Opacity keeps its own range.
    """
    if picture.bit_depth != 16 or picture.white != 1:
        return picture
    largest = round(float(picture.pixels.max()) * _LARGEST)
    bits = next((bits for bits in _USED_BITS if largest < 2**bits), None)
    if bits is None or largest == 0:
        return picture
    white = (2**bits - 1) / _LARGEST
    note = (
        f"The file uses only the lowest {bits} of its 16 bits (largest value {largest}); noise and levels count in "
        "that range, and 16-bit results keep it. Previews and 8-bit files show it in full."
    )
    pixels = np.minimum(picture.pixels / np.float32(white), np.float32(1))
    return replace(picture, pixels=pixels, white=white, notes=(*picture.notes, note))
