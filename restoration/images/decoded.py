"""A picture file once it has been decoded: its samples, and what is said beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from restoration.arrays import FloatArray
from restoration.images.frames import count_frames
from restoration.images.gamma import gamma_of, to_srgb
from restoration.images.header import MAX_PIXELS, check_size, format_name
from restoration.images.jpeg import estimate_quality
from restoration.images.metadata import kept_dpi, kept_exif, kept_profile
from restoration.images.picture import Picture
from restoration.images.samples import Samples, to_measured_part, to_picture, to_small_picture


@dataclass(frozen=True)
class Decoded:
    """Hold the samples in the file's own depth; any number of pictures can be made of them without decoding again.

    Args:
        samples: not turned upright yet.
        format: as `Picture.format`.
        gamma: exponent of samples that are not sRGB and have no profile, or None.
        exif, exif_with_gps: the EXIF block that is kept, without and with the place.
    """

    samples: Samples
    format: str
    gamma: float | None
    icc_profile: bytes | None
    exif: bytes | None
    exif_with_gps: bytes | None
    jpeg_quality: int | None
    dpi: tuple[float, float] | None
    frames: int

    @classmethod
    def of(cls, image: Image.Image, samples: Samples, data: bytes | None) -> Decoded:
        """Take from a Pillow image what must survive.

        Args:
            data: the bytes of the file; None for what came as a PIL image, which counts as of no format.
        """
        name = "" if data is None else format_name(image)
        profile, gamma = kept_profile(image, is_gray=_is_gray(samples)), gamma_of(image)
        return cls(
            samples=samples,
            format=name,
            gamma=gamma if profile is None else None,
            icc_profile=profile,
            exif=kept_exif(image, keep_gps=False),
            exif_with_gps=kept_exif(image, keep_gps=True),
            jpeg_quality=estimate_quality(getattr(image, "quantization", None) or {}) if name == "JPEG" else None,
            dpi=kept_dpi(image),
            frames=count_frames(image, data),
        )

    @property
    def size_bytes(self) -> int:
        """Memory that the samples take."""
        return self.samples.values.nbytes

    def picture(self, *, keep_gps: bool = False, max_pixels: int) -> Picture:
        """Return the whole picture.

        Raises:
            UnsupportedImage: the samples are none of a picture.
            ImageTooLarge: it has more than `max_pixels`.
        """
        height, width = self.samples.values.shape[:2]
        check_size(width, height, max_pixels=max_pixels)
        return self._finished(to_picture(self.samples), keep_gps=keep_gps)

    def small(self, *, max_side_px: int) -> Picture:
        """Return the picture with its longer side at most `max_side_px`, made with little memory."""
        return self._finished(to_small_picture(self.samples, max_side_px=max_side_px))

    def measured_part(self) -> Picture:
        """Return the picture or, of one with more than 25 megapixels, so much that its damage can be measured."""
        return self._finished(to_measured_part(self.samples, most_pixels=MAX_PIXELS))

    def _finished(self, picture: Picture, *, keep_gps: bool = False) -> Picture:
        """Turn the picture upright and attach what must survive."""
        if self.gamma is not None:
            picture = replace(picture, pixels=to_srgb(picture.pixels, gamma=self.gamma))
        orientation = self.samples.orientation
        return replace(
            picture,
            pixels=_upright(picture.pixels, orientation),
            alpha=None if picture.alpha is None else _upright(picture.alpha, orientation),
            format=self.format,
            exif=self.exif_with_gps if keep_gps else self.exif,
            icc_profile=self.icc_profile,
            jpeg_quality=self.jpeg_quality,
            dpi=self.dpi,
            frames=self.frames,
        )


def _is_gray(samples: Samples) -> bool:
    return samples.values.ndim == 2 or samples.values.shape[2] < 3


def _upright(samples: FloatArray, orientation: int) -> FloatArray:
    """Apply EXIF orientation 1-8 to (H, W[, C]) samples."""
    if orientation in (5, 6, 7, 8):
        samples = np.swapaxes(samples, 0, 1)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return np.ascontiguousarray(samples)
