"""What needs no repair: a damage that is not there is not repaired, and the user is told so."""

from __future__ import annotations

from collections.abc import Callable

from restoration.diagnosis import visible_part
from restoration.diagnosis.sharpness import SHARP, steepness
from restoration.images import Picture, gray_of
from restoration.types import ModelInfo, Parameters, Task

FAINT_NOISE_255 = 1.0

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


def looked_at(
    task: Task, info: ModelInfo, given: Parameters, *, tell: Callable[[str], float | None]
) -> tuple[str | None, str | None]:
    """Return why a picture needs none of what a model would do, and what a model that measures nothing assumes.

    Both are notes for the user, None where the damage is there. One that is described by hand is taken to be there;
    dots and blur are looked for later.

    Args:
        given: what the user set.
        tell: returns what the picture tells under a name of `MEASURES`.
    """
    if task is Task.DENOISE:
        name, note, assumption = "noise_level", NO_NOISE, ASSUMED_NOISE
    elif task is Task.DEJPEG:
        name, note, assumption = "jpeg_quality", NO_COMPRESSION, ASSUMED_COMPRESSION
    else:
        return None, None
    is_measured = any(param.auto_from == name for param in info.params)
    described = [param.name for param in info.params if param.auto_from in (name, "speckle_level")]
    if any(given.get(each) for each in described) or (given and not is_measured):
        return None, None
    found = tell(name)
    if found is not None and (task is Task.DEJPEG or found >= FAINT_NOISE_255):
        return None, None
    return (note, None) if is_measured else (None, assumption.format(title=info.title))


def is_sharp(picture: Picture) -> bool:
    """Tell whether a picture has sharp edges in every direction."""
    found = steepness(gray_of(visible_part(picture).pixels))
    return found is not None and found >= SHARP
