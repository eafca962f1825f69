"""A picture file once it has been decoded: its samples, and what is said beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from restoration.arrays import FloatArray
from restoration.images.colour import overrules_profile, profile_of_named_colour
from restoration.images.exif import ExifBlock
from restoration.images.frames import count_frames
from restoration.images.gamma import gamma_of, to_srgb
from restoration.images.jpeg import estimate_quality
from restoration.images.limits import MAX_PIXELS, MAX_SIDE_PX, check_size
from restoration.images.metadata import exif_block, fitting_profile, kept_exif, said_beside
from restoration.images.opening import PictureFile
from restoration.images.picture import Picture
from restoration.images.samples import Samples, to_measured_part, to_picture, to_small_picture
from restoration.images.tiff import TiffFile
from restoration.images.xmp import kept_xmp


@dataclass(frozen=True)
class Decoded:
    """Hold the samples in the file's own depth; any number of pictures can be made of them without decoding again.

    Args:
        samples: not turned upright yet.
        gamma: exponent of samples that are not sRGB and have no profile, or None.
        exif, xmp: the blocks as the file has them; each picture keeps what may be kept.
        format, icc_profile, jpeg_quality, dpi, frames, notes: as in `Picture`.
    """

    samples: Samples
    gamma: float | None
    exif: ExifBlock | None
    xmp: bytes | str | None
    icc_profile: bytes | None
    dpi: tuple[float, float] | None
    format: str = ""
    jpeg_quality: int | None = None
    frames: int = 1
    notes: tuple[str, ...] = ()

    @classmethod
    def of_file(cls, file: PictureFile, samples: Samples) -> Decoded:
        """Take what must survive from a file."""
        decoded = cls._of(file.image, samples, file.tiff, file.data)
        tables = getattr(file.image, "quantization", None) or {}
        quality = estimate_quality(tables) if file.format == "JPEG" else None
        return replace(decoded, format=file.format, jpeg_quality=quality, frames=file.frames, notes=file.notes)

    @classmethod
    def of_image(cls, image: Image.Image, samples: Samples) -> Decoded:
        """Take what must survive from a PIL image, which counts as of no format."""
        return replace(cls._of(image, samples, None, None), frames=count_frames(image))

    @classmethod
    def _of(cls, image: Image.Image | None, samples: Samples, tiff: TiffFile | None, data: bytes | None) -> Decoded:
        block, said, is_gray = exif_block(image, tiff), said_beside(image, tiff), _is_gray(samples)
        profile = fitting_profile(said.profile, is_gray=is_gray)
        if profile is None or overrules_profile(data):
            profile = profile_of_named_colour(image, tiff, data, block, is_gray=is_gray)
        has_gamma = image is not None and profile is None and not overrules_profile(data)
        gamma = gamma_of(image) if image is not None and has_gamma else None
        return cls(samples=samples, gamma=gamma, exif=block, xmp=said.xmp, icc_profile=profile, dpi=said.dpi)

    @property
    def size_bytes(self) -> int:
        """Memory that the samples take."""
        return self.samples.values.nbytes

    def picture(self, *, keep_gps: bool = False, max_pixels: int, max_side_px: int = MAX_SIDE_PX) -> Picture:
        """Return the whole picture.

        Raises:
            UnsupportedImage: the samples are none of a picture.
            ImageTooLarge: it has more than `max_pixels`, or a longer side.
        """
        height, width = self.samples.values.shape[:2]
        check_size(width, height, max_pixels=max_pixels, max_side_px=max_side_px)
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
            exif=kept_exif(self.exif, keep_gps=keep_gps),
            xmp=kept_xmp(self.xmp, keep_gps=keep_gps),
            icc_profile=self.icc_profile,
            jpeg_quality=self.jpeg_quality,
            dpi=self.dpi,
            frames=self.frames,
            notes=self.notes,
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
