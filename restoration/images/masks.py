"""Masks for inpainting: True = fill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from restoration.arrays import FloatArray, Mask
from restoration.errors import InvalidMask

_BRUSH_THRESHOLD = 10


def check_mask(mask: Mask) -> Mask:
    """Return the mask as it is.

    Raises:
        InvalidMask: nothing or everything is marked.
    """
    if not mask.any():
        raise InvalidMask("The mask is empty; paint over what should be replaced.")
    if mask.all():
        raise InvalidMask("The mask covers the whole picture; leave the parts that should stay unpainted.")
    return mask


def mask_from_layers(layers: Sequence[Image.Image | npt.NDArray[Any] | None], *, size: tuple[int, int]) -> Mask:
    """Return where any layer of a sketch is painted.

    Args:
        layers: RGBA layers, or gray ones where nonzero means painted; all None gives an empty mask.
        size: (width, height) of the picture; layers drawn on a smaller preview are scaled up to it.
    """
    mask = np.zeros((size[1], size[0]), dtype=np.bool_)
    for layer in layers:
        if layer is None:
            continue
        samples = np.asarray(layer.convert("RGBA") if isinstance(layer, Image.Image) else layer)
        painted = (samples[..., -1] if samples.ndim == 3 else samples) > _BRUSH_THRESHOLD
        if painted.shape != mask.shape:
            painted = cv2.resize(painted.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        mask |= painted
    return mask


def kept_by_layers(layers: Sequence[Image.Image | npt.NDArray[Any] | None], *, size: tuple[int, int]) -> Mask:
    """Return where a sketch is painted in a colour with more green than red: the brush that takes off the mask.

    Arguments as `mask_from_layers`; gray layers have no colour and keep nothing.
    """
    greens = []
    for layer in layers:
        if layer is None:
            continue
        samples = np.array(layer.convert("RGBA") if isinstance(layer, Image.Image) else layer)
        if samples.ndim == 3 and samples.shape[2] == 4:
            samples[samples[..., 1] <= samples[..., 0], 3] = 0
            greens.append(samples)
    return mask_from_layers(greens, size=size)


def feather(mask: Mask, *, px: int) -> FloatArray:
    """Return how much of the fill each pixel takes, (H, W) in [0, 1]: 0 outside the mask, 1 from `px` pixels inside on.

    With 0 the whole mask is filled; the border of the picture is no rim.
    """
    if px == 0:
        return mask.astype(np.float32)
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    return np.minimum(depth / np.float32(px + 1), np.float32(1))


def grow_mask(mask: Mask, *, px: int) -> Mask:
    """Extend the marked parts by `px` pixels in every direction; 0 returns the mask as it is."""
    if px == 0:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * px + 1, 2 * px + 1))
    return cv2.dilate(mask.astype(np.uint8), kernel) > 0
