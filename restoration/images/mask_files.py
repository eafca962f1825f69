"""Masks as other programs write them: white on black, labels, colours on black, a hole in the photo itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from restoration.arrays import FloatArray, Mask
from restoration.errors import InvalidMask
from restoration.images.decode import ImageSource, read
from restoration.images.masks import check_mask
from restoration.images.picture import Picture, gray_of

_SAME_COLOUR = 12 / 255
_COLOURFUL = 0.25
_NEAR_END, _NEAR_GROUND = 0.05, 0.08
_LEAST_SHARE_AT_ENDS, _LEAST_SHARE_OF_GROUND = 0.5, 0.85
_MIDDLE = 0.5


def read_mask(source: ImageSource, *, size: tuple[int, int], of: Picture | None = None) -> Mask:
    """Read a mask: white marks what is to be filled.

    Other marks are taken as well where they leave no doubt: the lighter of two values, whatever they are; one or more
    colours on black, gray or white; opaque strokes on a transparent layer; a transparent hole in an opaque photo.
    Of soft edges, what is more than half marked is filled.

    Args:
        source: path, file bytes, PIL image or array; (H, W) of bool is a mask that was read already.
        size: (width, height) of the picture that the mask belongs to.
        of: that picture, by which a hole in a copy of it is told from strokes on a layer.

    Returns:
        (H, W), True = fill.

    Raises:
        InvalidMask: of another size, nothing marked, everything marked, or a picture that is no mask.
        InvalidImage: not a picture.
    """
    if isinstance(source, np.ndarray) and source.dtype == np.bool_ and source.ndim == 2:
        _check_size(source.shape[1], source.shape[0], size=size)
        return check_mask(source)
    picture = read(source)
    _check_size(picture.width, picture.height, size=size)
    alpha = picture.alpha
    if alpha is None or float(np.ptp(alpha)) == 0:
        return check_mask(_marked(picture.pixels))
    opaque = alpha > 0.5
    if not opaque.any():
        return check_mask(alpha > float(alpha.max()) / 2)
    if _is_photo(picture.pixels[opaque], None if of is None else of.pixels[opaque]):
        return check_mask(~opaque)
    white = gray_of(picture.pixels) > 0.5
    return check_mask(opaque & white if (white & opaque).any() else opaque)


def _check_size(width: int, height: int, *, size: tuple[int, int]) -> None:
    if (width, height) != size:
        raise InvalidMask(
            f"Mask is {width}x{height} px but the image is {size[0]}x{size[1]} px; "
            "make both equal, or paint the mask on this picture."
        )


def _is_photo(colours: FloatArray, original: FloatArray | None) -> bool:
    """Tell whether opaque pixels, (N, 3), are the photo itself and no strokes."""
    if original is not None:
        difference = np.abs(colours - original).max(axis=1)
        if np.mean(difference <= _SAME_COLOUR) > 0.9:
            return True
    luma = gray_of(colours)
    levels = np.unique(np.rint(31 * luma / max(float(luma.max()), 1e-6)))
    return _share_at_ends(luma) < _LEAST_SHARE_AT_ENDS and len(levels) > 8


def _marked(pixels: FloatArray) -> Mask:
    """Return what an opaque picture, (H, W, 3), marks."""
    spread = pixels.max(axis=2) - pixels.min(axis=2)
    coloured = spread > _COLOURFUL * max(float(pixels.max()), 1e-6)
    luma = gray_of(pixels)
    if coloured.any() and not coloured.all() and _is_ground(luma[~coloured]):
        strength = spread / max(float(np.percentile(spread[coloured], 90)), 1e-6)
        return np.asarray(strength > 0.5)
    low, high = float(luma.min()), float(luma.max())
    if high - low < 1 / 65535:
        return np.full(luma.shape, high > 0.5)
    if len(_some_values(luma)) > 2:
        _check_levels(luma, low=low, high=high)
    return np.asarray(luma > (low + high) / 2)


def _is_ground(luma: FloatArray) -> bool:
    """Tell whether pixels without colour, (N,), are flat: the ground on which a colour marks."""
    usual = float(np.median(luma))
    return float(np.mean(np.abs(luma - usual) <= _NEAR_GROUND)) > _LEAST_SHARE_OF_GROUND


def _check_levels(luma: FloatArray, *, low: float, high: float) -> None:
    """Check that levels of gray are those of a mask: mostly at both ends, and up to white.

    Raises:
        InvalidMask: they are not.
    """
    if high < _MIDDLE or low > _MIDDLE:
        levels = f"{round(255 * low)} to {round(255 * high)}"
        raise InvalidMask(
            f"The values of the mask go from {levels} of 255, so it is not clear what they mark; "
            "make it white where it is to be filled and black elsewhere."
        )
    if _share_at_ends(luma) < _LEAST_SHARE_AT_ENDS:
        raise InvalidMask(
            "The mask looks like a photograph: most of it is neither dark nor light; "
            "use a picture that is white where it is to be filled and black elsewhere."
        )


def _share_at_ends(luma: npt.NDArray[np.float32]) -> float:
    low, high = float(luma.min()), float(luma.max())
    margin = _NEAR_END * (high - low)
    return float(np.mean((luma <= low + margin) | (luma >= high - margin)))


def _some_values(luma: FloatArray) -> npt.NDArray[np.float32]:
    """Return the different values of a picture, in 65535ths; all that matters is whether they are more than two."""
    return np.unique(np.rint(luma * 65535))
