"""What a picture tells of its own damage, in one record."""

from __future__ import annotations

from dataclasses import dataclass

from restoration.diagnosis.dots import Dots
from restoration.diagnosis.frames import Box
from restoration.types import Task

_MANY_DOTS = 0.02
_STRONG_COMPRESSION = 60
_VISIBLE_NOISE_255, _VISIBLE_COMPRESSION = 4.0, 85


@dataclass(frozen=True)
class Findings:
    """The photo in a picture, and its damage.

    Args:
        photo: where the photo lies, without the flat frames around it.
        is_gray: it shows no colour, however its file stores it.
        noise_level: standard deviation of the noise, in 0-255 units.
        jpeg_quality: libjpeg quality 1-100 of the strongest compression it went through, or None.
        dots: its dots, hot pixels and specks.
    """

    photo: Box
    is_gray: bool
    noise_level: float
    jpeg_quality: int | None
    dots: Dots

    @property
    def main_task(self) -> Task:
        """What should be done first."""
        if self.dots.share > _MANY_DOTS:
            return Task.SALT_AND_PEPPER
        if self.jpeg_quality is not None and self.jpeg_quality <= _STRONG_COMPRESSION:
            return Task.DEJPEG
        return Task.DENOISE

    @property
    def is_clean(self) -> bool:
        """Tell whether enlarging would show no damage that stays unseen at this size."""
        is_compressed = self.jpeg_quality is not None and self.jpeg_quality <= _VISIBLE_COMPRESSION
        return not is_compressed and self.noise_level < _VISIBLE_NOISE_255 and self.dots.kind == "none"
