"""What of a picture a model works on, and how its answer becomes the whole picture again.

Frames stay as they are, and change nothing that a model makes of the photo inside; a gray photo is restored in gray,
whatever channels its file has and whatever colour a model would put in.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from restoration.arrays import FloatArray
from restoration.diagnosis import find_photo, is_gray
from restoration.diagnosis.frames import Box
from restoration.images import Picture, bleed_alpha, gray_pixels


@dataclass(frozen=True)
class Part:
    """The photo of a picture.

    Args:
        photo: where it lies.
        is_gray: it has no colour, or only noise of it.
    """

    photo: Box
    is_gray: bool

    def cut(self, pixels: FloatArray) -> FloatArray:
        """Return what the model is given of a picture's pixels, (H, W, 3)."""
        inside = pixels[self.photo.slices]
        return gray_pixels(inside) if self.is_gray else np.ascontiguousarray(inside)

    def size_in(self, *, width: int, height: int, of: Picture) -> tuple[int, int]:
        """Return the width and the height of the photo in a whole picture of another size."""
        box = self.photo.scaled(height / of.height, width / of.width)
        return box.width, box.height

    def put_back(self, answer: FloatArray, pixels: FloatArray, *, width: int, height: int) -> FloatArray:
        """Return the whole picture, (height, width, 3): the answer, in gray where the photo is, in the frame as it was.

        Args:
            answer: of the model, as large as `size_in` says.
            pixels: (H, W, 3) of the picture before.
        """
        if self.is_gray:
            answer = gray_pixels(answer)
        if answer.shape[:2] == (height, width):
            return answer
        whole = pixels.copy()
        if pixels.shape[:2] != (height, width):  # a frame has no slanted edge that would show steps
            whole = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_NEAREST))
        whole[self.photo.scaled(height / pixels.shape[0], width / pixels.shape[1]).slices] = answer
        return whole


def part_of(picture: Picture, *, is_whole: bool) -> Part:
    """Find the photo of a picture.

    Args:
        is_whole: what surrounds the photo is worked on, too, as holes and dots may lie anywhere.
    """
    pixels = bleed_alpha(picture)
    photo = Box(0, 0, picture.height, picture.width)
    has_shape = picture.alpha is not None and float(np.ptp(picture.alpha)) > 0
    if not is_whole and not has_shape:
        photo = find_photo(pixels)
    return Part(photo, is_gray(pixels[photo.slices]))
