"""Making pictures smaller by averaging areas."""

from __future__ import annotations

import math

import cv2
import numpy as np

from restoration.arrays import FloatArray
from restoration.images.picture import Picture


def shrink_to(picture: Picture, *, max_pixels: int) -> Picture:
    """Return the picture with at most `max_pixels`, its shape kept; the same picture where it is small enough."""
    factor = math.sqrt(max_pixels / (picture.width * picture.height))
    if factor >= 1:
        return picture
    return average_areas(picture, width=math.floor(picture.width * factor), height=math.floor(picture.height * factor))


def shrink_to_side(picture: Picture, *, max_side_px: int) -> Picture:
    """Return the picture with its longer side at most `max_side_px`; the same picture where it is small enough."""
    width, height = size_within(picture.width, picture.height, max_side_px=max_side_px)
    return (
        picture
        if (width, height) == (picture.width, picture.height)
        else average_areas(picture, width=width, height=height)
    )


def size_within(width: int, height: int, *, max_side_px: int) -> tuple[int, int]:
    """Return (width, height) with the longer side at most `max_side_px`; unchanged where that holds already."""
    factor = max_side_px / max(width, height)
    return (width, height) if factor >= 1 else (max(1, round(width * factor)), max(1, round(height * factor)))


def average_areas(picture: Picture, *, width: int, height: int) -> Picture:
    """Average colours weighted by their opacity, so that what lies under transparent parts does not show."""
    size = (max(1, width), max(1, height))

    def average(samples: FloatArray) -> FloatArray:
        return cv2.resize(samples, size, interpolation=cv2.INTER_AREA).astype(np.float32)

    if picture.alpha is None:
        return picture.with_pixels(average(picture.pixels))
    alpha = average(picture.alpha)
    premultiplied = average(picture.pixels * picture.alpha[..., None])
    plain = average(picture.pixels)
    is_visible = alpha > 1e-4
    colours = np.where(is_visible[..., None], premultiplied / np.maximum(alpha, 1e-4)[..., None], plain)
    return picture.with_pixels(np.clip(colours, 0, 1), alpha=alpha)
