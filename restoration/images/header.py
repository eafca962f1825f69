"""What a picture file says of itself before it is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from restoration.errors import CorruptImage
from restoration.images.limits import damaged, file_bytes
from restoration.images.opening import open_file
from restoration.images.picture import BitDepth
from restoration.memory import is_out_of_memory


@dataclass(frozen=True)
class ImageHeader:
    """What a file says of itself before it is decoded; the size is that of the upright picture.

    Args:
        frames: how many pictures it holds; 1000 may be more, as counting ends there.
    """

    width: int
    height: int
    format: str
    bit_depth: BitDepth
    is_gray: bool
    has_alpha: bool
    frames: int


def probe(source: bytes | str | Path) -> ImageHeader:
    """Read only the header of a picture file.

    Raises:
        UnsupportedImage, CorruptImage, ImageTooLarge, InvalidImage: as `read`, except for damage behind the header.
    """
    with open_file(file_bytes(source)) as file:
        try:
            width, height = file.upright_size
            return ImageHeader(
                width=width,
                height=height,
                format=file.format,
                bit_depth=16 if file.bits > 8 else 8,
                is_gray=file.is_gray,
                has_alpha=file.has_alpha,
                frames=file.frames,
            )
        except Exception as error:  # as in `read`
            if is_out_of_memory(error):
                raise
            raise CorruptImage(damaged(file.format or "picture")) from error
