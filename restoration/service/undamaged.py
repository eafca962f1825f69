"""What needs no repair: a damage that is not there is not repaired, and the user is told so."""

from __future__ import annotations

from restoration import diagnosis
from restoration.diagnosis.sharpness import SHARP, steepness
from restoration.images import Picture, gray_of
from restoration.types import ModelInfo, Parameters, Task

FAINT_NOISE_255 = 1.5

NO_NOISE = "No noise was found, so the picture was left as it is. Where you see noise, set its level by hand."
NO_COMPRESSION = (
    "No trace of JPEG compression was found, so the picture was left as it is. "
    "Where you see blocks, set the quality by hand."
)
NO_BLUR = (
    "The picture is sharp, so no blur was looked for and it was left as it is. "
    "Where you see blur, choose its kind and radius by hand."
)
NO_DOTS = "No dots were found, so the picture was left as it is. A median filter removes dots that hardly stand out."

ASSUMED_NOISE = "No noise was found; {title} takes no level, and was applied all the same."
ASSUMED_COMPRESSION = "No trace of JPEG compression was found; {title} takes no quality, and was applied all the same."


def reason_to_leave(task: Task, info: ModelInfo, given: Parameters, *, seen: Picture) -> str | None:
    """Return why a picture needs none of what a model would do, as a note for the user; None where it may.

    Dots are looked for later, at every pixel. A damage described by hand is taken to be there.

    Args:
        given: what the user set.
        seen: the part of the picture that measurements look at.
    """
    if task is Task.DENOISE and _is_measured(info, given, "noise_level"):
        return NO_NOISE if diagnosis.noise_level(seen) < FAINT_NOISE_255 else None
    if task is Task.DEJPEG and _is_measured(info, given, "jpeg_quality"):
        return NO_COMPRESSION if diagnosis.jpeg_quality(seen) is None else None
    return None


def assumption(task: Task, info: ModelInfo, given: Parameters, *, seen: Picture) -> str | None:
    """Return a note where a model that measures nothing repairs a damage that was not found."""
    if given or any(param.auto_from in ("noise_level", "jpeg_quality") for param in info.params):
        return None
    if task is Task.DENOISE and diagnosis.noise_level(seen) < FAINT_NOISE_255:
        return ASSUMED_NOISE.format(title=info.title)
    if task is Task.DEJPEG and diagnosis.jpeg_quality(seen) is None:
        return ASSUMED_COMPRESSION.format(title=info.title)
    return None


def is_sharp(picture: Picture) -> bool:
    """Tell whether a picture has sharp edges in every direction."""
    found = steepness(gray_of(picture.pixels))
    return found is not None and found >= SHARP


def _is_measured(info: ModelInfo, given: Parameters, name: str) -> bool:
    """Tell whether a model has the picture measured: no other parameter describes the damage."""
    measured = [param.name for param in info.params if param.auto_from == name]
    described = [param.name for param in info.params if param.auto_from in (name, "speckle_level")]
    return bool(measured) and not any(given.get(each) for each in described)
