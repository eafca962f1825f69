"""Detect scratches in scanned photographs: thin lines, lighter or darker than both their sides.

Reference:
    Kokaram, On Missing Data Treatment for Degraded Video and Film Archives, 2004, doi:10.1109/TIP.2004.823815 (lines on
    film as thin ridges);
    Canny, A Computational Approach to Edge Detection, 1986, doi:10.1109/TPAMI.1986.4767851 (hysteresis).
"""

from __future__ import annotations

import cv2
import numpy as np

from restoration.arrays import FloatArray, Mask
from restoration.images import Picture, gray_of

Mask = Mask

_WIDTHS_PX = (3, 7)
_ANGLES = 16
_TEXTURE_PX = 41
_LEAST_HEIGHT = 0.02
_SEED, _MEMBER = 0.30, 0.12
_LEAST_LENGTH = 0.8
_WORK_SIDE_PX = 1600


def find_scratches(picture: Picture, *, sensitivity: float = 0.5) -> Mask:
    """Propose a mask of scratches, (H, W), True = scratched; a user should check and edit it.

    Args:
        sensitivity: 0 finds only what is beyond doubt, 1 also what may be a wire or a twig.
    """
    gray = gray_of(picture.pixels).astype(np.float32)
    factor = min(1.0, _WORK_SIDE_PX / max(gray.shape))
    size = (max(1, round(gray.shape[1] * factor)), max(1, round(gray.shape[0] * factor)))
    small = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA)) if factor < 1 else gray
    found = np.zeros(small.shape, np.bool_)
    strictness = float(2.0 ** (1 - 2 * sensitivity))
    for sign in (1, -1):
        found |= _light_lines(np.float32(sign) * small, strictness)
    grown = cv2.dilate(found.astype(np.uint8), np.ones((3, 3), np.uint8))
    if factor == 1:
        return grown > 0
    return cv2.resize(grown, gray.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0


def _light_lines(gray: FloatArray, strictness: float) -> Mask:
    """Return thin lines lighter than both their sides that are long, and stand out from the texture around."""
    length = max(15, min(gray.shape) // 14) | 1
    found = np.zeros(gray.shape, np.bool_)
    for width in _WIDTHS_PX:
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width + 2, width + 2))
        ridge = gray - np.asarray(cv2.morphologyEx(gray, cv2.MORPH_OPEN, disc))
        texture = np.asarray(cv2.blur(ridge, (_TEXTURE_PX, _TEXTURE_PX)))
        rival = np.float32(4 * strictness) * texture + np.float32(_LEAST_HEIGHT * strictness)
        level: FloatArray = np.asarray(ridge / (ridge + rival), dtype=np.float32)
        line = _along_lines(level, length)
        strong = (line > min(0.95, _SEED * strictness)) & (level > 0.4)
        weak = (line > _MEMBER * strictness) & (level > 0.3)
        found |= _connected(strong, weak, least_px=round(_LEAST_LENGTH * length))
    return found


def _along_lines(level: FloatArray, length: int) -> FloatArray:
    """Return the mean along the best of all directions, less the mean over all of them."""
    best = np.zeros_like(level)
    total = np.zeros_like(level)
    for index in range(_ANGLES):
        kernel = np.zeros((length, length), np.float32)
        middle, angle = length // 2, np.pi * index / _ANGLES
        across, down = round(middle * np.cos(angle)), round(middle * np.sin(angle))
        cv2.line(kernel, (middle - across, middle - down), (middle + across, middle + down), 1.0)
        mean = np.asarray(cv2.filter2D(level, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT))
        best = np.maximum(best, mean)
        total += mean
    return np.asarray(best - total / _ANGLES, dtype=np.float32)


def _connected(strong: Mask, weak: Mask, *, least_px: int) -> Mask:
    """Return the connected parts of `weak | strong` that hold a strong pixel and are longer than `least_px`."""
    count, labels, boxes, _ = cv2.connectedComponentsWithStats((weak | strong).astype(np.uint8), connectivity=8)
    has_seed = np.zeros(count, np.bool_)
    has_seed[labels[strong]] = True
    extents = np.hypot(boxes[:, cv2.CC_STAT_WIDTH], boxes[:, cv2.CC_STAT_HEIGHT])
    kept = has_seed & (extents >= least_px)
    kept[0] = False
    return kept[labels]
