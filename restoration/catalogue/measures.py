"""What a picture tells a model about itself: the one table of names that `Param.auto_from` may hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from restoration import diagnosis
from restoration.images import Picture
from restoration.types import ModelInfo

_MANY_VIEWS: tuple[tuple[int, ...], float] = (8, 4, 2), 860e9
_QUICK_VIEWS: tuple[tuple[int, ...], float] = (8, 4), 370e9
"""The numbers of views that may be taken, and how many multiply-adds they may need."""


@dataclass(frozen=True)
class Measure:
    """One thing that a picture tells.

    Args:
        of: returns it, in the unit that users see, or None where the picture does not tell it.
        usual: what a bad picture tells; None where most pictures tell nothing.
    """

    of: Callable[[Picture, ModelInfo], float | None]
    usual: float | None


def automatic_views(info: ModelInfo, *, pixels: int) -> int:
    """Return how many views of a picture a model takes unless told: the smaller the picture, the more are worth it.

    Enlarging has to be quicker than the removal of damage, and gains less by them.
    """
    if info.param("views") is None:
        return 1
    counts, most = _MANY_VIEWS if info.param("scale") is None else _QUICK_VIEWS
    return next((count for count in counts if count * pixels * info.macs_per_pixel <= most), 1)


def _brightness(picture: Picture, _: ModelInfo) -> float:
    return 100 * diagnosis.wanted_brightness(diagnosis.visible_part(picture).pixels)


def _jpeg_quality(picture: Picture, _: ModelInfo) -> float | None:
    return diagnosis.jpeg_quality(diagnosis.visible_part(picture))


def _noise_level(picture: Picture, _: ModelInfo) -> float:
    return diagnosis.noise_level(diagnosis.visible_part(picture))


def _coarse_noise(picture: Picture, _: ModelInfo) -> float:
    return diagnosis.noise_levels(diagnosis.visible_part(picture))[1]


def _shadow_noise(picture: Picture, _: ModelInfo) -> float:
    return diagnosis.shadow_noise_level(diagnosis.visible_part(picture))


def _speckle_level(picture: Picture, _: ModelInfo) -> float | None:
    return diagnosis.speckle_level(diagnosis.visible_part(picture))


def _views(picture: Picture, info: ModelInfo) -> float:
    return automatic_views(info, pixels=picture.width * picture.height)


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "brightness": Measure(_brightness, usual=80.0),
        "coarse_noise": Measure(_coarse_noise, usual=25.0),
        "jpeg_quality": Measure(_jpeg_quality, usual=30.0),
        "noise_level": Measure(_noise_level, usual=25.0),
        "shadow_noise": Measure(_shadow_noise, usual=10.0),
        "speckle_level": Measure(_speckle_level, usual=None),
        "views": Measure(_views, usual=1.0),
    }
)
