"""What a picture is, everywhere inside this package."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from restoration.arrays import FloatArray

BitDepth = Literal[8, 16]

_GRAY_WEIGHTS = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True)
class Picture:
    """Hold a decoded picture and what must survive its restoration.

    Args:
        pixels: RGB, shape (H, W, 3), range [0, 1], already turned upright. Gray pictures hold three equal channels.
        alpha: opacity, shape (H, W), range [0, 1], or None where the picture has none.
        bit_depth: bits per channel of the file it came from, and of the file it leaves as.
        is_gray: True where the picture must leave as gray.
        format: Pillow's name of the source format ("PNG", "JPEG", ...), or "" for arrays and PIL images.
        exif: EXIF block without its orientation and without GPS unless asked for, or None.
        xmp: XMP packet without what no longer holds and without the place unless asked for, or None.
        icc_profile: ICC profile that the pixel values refer to, or None for sRGB.
        dpi: pixels per inch across and down that the file asks to be printed with, or None.
        frames: how many pictures the file holds, of which this is the first; 1000 may be more, as counting ends there.
        jpeg_quality: estimated libjpeg quality 1-100 of a JPEG source, or None.
        white: the value in [0, 1] that 1 in `pixels` stands for in files of 16 bits: below 1 where the file uses its
            lowest bits only (see `in_own_range`). Files of 8 bits take the full range.
        notes: sentences on how the file was read.
    """

    pixels: FloatArray = field(repr=False)
    alpha: FloatArray | None = field(default=None, repr=False)
    bit_depth: BitDepth = 8
    is_gray: bool = False
    format: str = ""
    exif: bytes | None = field(default=None, repr=False)
    xmp: bytes | None = field(default=None, repr=False)
    icc_profile: bytes | None = field(default=None, repr=False)
    jpeg_quality: int | None = None
    dpi: tuple[float, float] | None = None
    frames: int = 1
    white: float = 1.0
    notes: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def size_text(self) -> str:
        """Width x height as people write it: "1024x768 px"."""
        return f"{self.width}x{self.height} px"

    def with_pixels(self, pixels: FloatArray, *, alpha: FloatArray | None = None) -> Picture:
        """Return the same picture with other pixels (and alpha), keeping all that must survive."""
        return replace(self, pixels=pixels, alpha=alpha)

    def to_array(self, *, bit_depth: BitDepth | None = None) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
        """Return integer samples, shape (H, W), (H, W, 2), (H, W, 3) or (H, W, 4): gray, gray+alpha, RGB, RGBA.

        Args:
            bit_depth: 8 or 16; None takes the picture's own.
        """
        depth = self.bit_depth if bit_depth is None else bit_depth
        channels = gray_of(self.pixels)[..., None] if self.is_gray else self.pixels
        if depth == 16 and self.white != 1:
            channels = np.clip(channels, 0, 1) * np.float32(self.white)
        if self.alpha is not None:
            channels = np.concatenate([channels, self.alpha[..., None]], axis=2)
        samples = quantize(channels, bit_depth=depth)
        return samples[..., 0] if samples.shape[2] == 1 else samples

    def to_pil(self) -> Image.Image:
        """Return a PIL image: mode L, LA, RGB or RGBA; I;16 for 16-bit gray without alpha.

        Pillow has no 16-bit colour mode, so 16-bit colour becomes 8-bit here, and `info` says so; `to_array` and
        `encode` keep all 16 bits.
        """
        if self.bit_depth == 16 and self.is_gray and self.alpha is None:
            return Image.fromarray(self.to_array(bit_depth=16))
        image = Image.fromarray(self.to_array(bit_depth=8))
        if self.bit_depth == 16:
            image.info["bit_depth"] = "8 of 16: Pillow holds no 16-bit colour; use array or save"
        if self.icc_profile is not None:
            image.info["icc_profile"] = self.icc_profile
        return image


def quantize(samples: FloatArray, *, bit_depth: BitDepth) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Round samples in [0, 1] to integers of 8 or 16 bits; values outside are clipped."""
    if bit_depth == 8:
        return np.rint(np.clip(samples, 0.0, 1.0) * 255.0).astype(np.uint8)
    return np.rint(np.clip(samples, 0.0, 1.0) * 65535.0).astype(np.uint16)


def gray_of(pixels: FloatArray) -> FloatArray:
    """Return luma (ITU-R BT.601), shape (H, W), of RGB pixels, shape (H, W, 3)."""
    return pixels @ _GRAY_WEIGHTS


def gray_pixels(pixels: FloatArray) -> FloatArray:
    """Return pixels, (H, W, 3), with luma in all three channels; channels that are equal stay as they are."""
    return np.repeat(gray_of(pixels)[..., None], 3, axis=2)
