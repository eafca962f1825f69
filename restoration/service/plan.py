"""What a request asks for, checked: the picture read, the settings complete, the way to the size wanted known."""

from __future__ import annotations

import functools
import math
import time
from dataclasses import dataclass
from typing import Literal

from restoration.arrays import FloatArray, Mask
from restoration.catalogue.measures import MEASURES
from restoration.catalogue.parameters import complete, resolve_auto
from restoration.errors import ImageTooLarge, InvalidMask, InvalidParameter, InvalidRequest
from restoration.images import (
    MAX_PIXELS,
    MAX_PIXELS_TO_FIT,
    MAX_SIDE_PX,
    MAX_SIDE_TO_FIT_PX,
    MOST_FRAMES,
    Picture,
    check_side,
    in_own_range,
    read_kernel,
    read_mask,
    shrink_to,
    shrink_to_side,
)
from restoration.service import undamaged
from restoration.service.enlarging import Enlargement, is_size_given, peak_factor, plan_enlargement
from restoration.service.preparation import Part, part_of
from restoration.service.uploads import Uploads
from restoration.types import ImageSource, ModelInfo, Parameters, ParamValue, RestoreRequest, Task

MAX_OUTPUT_PIXELS = 64_000_000
_LEAST_TILE_PX = 64
_MOST_FEATHER_PX = 100


@dataclass(frozen=True)
class Plan:
    """A request that has passed all checks.

    Args:
        part: what of the picture the model works on.
        is_left: the picture needs nothing of what was asked for; a note says so.
        dots: which samples are dots, (H, W, 3) of the part, where the service has found them.
    """

    picture: Picture
    part: Part
    task: Task
    info: ModelInfo
    parameters: dict[str, ParamValue]
    enlargement: Enlargement | None
    mask: Mask | None
    feather_px: int
    kernel: FloatArray | None
    precision: Literal["auto", "exact"]
    tile_px: int | None
    has_preview: bool
    deadline_s: float | None
    notes: tuple[str, ...]
    is_left: bool = False
    dots: Mask | None = None

    @property
    def width(self) -> int:
        """Of the result, in pixels."""
        return self.picture.width if self.enlargement is None else self.enlargement.width

    @property
    def height(self) -> int:
        """Of the result, in pixels."""
        return self.picture.height if self.enlargement is None else self.enlargement.height

    @property
    def largest_pixels(self) -> int:
        """How many pixels the largest picture has that is made on the way, or in the end."""
        pixels = self.picture.width * self.picture.height
        if self.enlargement is None:
            return pixels
        made = pixels * math.prod(self.enlargement.passes) ** 2
        return max(made, self.enlargement.width * self.enlargement.height)

    @property
    def passes(self) -> list[dict[str, ParamValue]]:
        """The parameters of each pass through the model; `scale` is one of the network's own factors there."""
        if self.enlargement is None:
            return [self.parameters]
        first, *rest = [{**self.parameters, "scale": scale} for scale in self.enlargement.passes]
        return [first, *({**each, **self._of_restored} for each in rest)]

    @property
    def passes_without_damage(self) -> list[dict[str, ParamValue]]:
        """The parameters of each pass for what has no damage of its own: the alpha channel."""
        first, *rest = self.passes
        without = {name: value for name, value in self._of_restored.items() if name != "views"}
        return [{**first, **without}, *rest]

    @property
    def _of_restored(self) -> dict[str, ParamValue]:
        """What a pass is told of a picture that came out of another one."""
        told: dict[str, ParamValue] = {
            param.name: param.undamaged_value for param in self.info.params if param.undamaged_value is not None
        }
        return told | ({"views": 1} if self.info.param("views") else {})  # it is large by then


def make_plan(
    request: RestoreRequest,
    task: Task,
    info: ModelInfo,
    *,
    notes: tuple[str, ...],
    time_limit_s: float | None,
    uploads: Uploads | None = None,
) -> Plan:
    """Decode what was sent and check everything that can be checked without loading the model.

    Args:
        info: the model that was chosen.
        notes: for the user, from that choice.
        time_limit_s: how long the run may take from then on; None for no limit.
        uploads: decodes each file once; None decodes anew.

    Raises:
        InvalidRequest: the picture, the mask, the kernel or a parameter is not fit for use.
    """
    parameters = complete(info, request.parameters)
    uploads = Uploads(most_bytes=0) if uploads is None else uploads
    original = picture = _read(request, task, uploads)
    notes = (*notes, *picture.notes, *_notes_on_frames(picture))
    mask = _mask(request, task, picture)
    picture = _within_side(picture, has_mask=mask is not None)
    if picture is not original:
        notes = (*notes, f"Shrunk from {original.size_text} to {picture.size_text}: a side may have {MAX_SIDE_PX} px.")
    before = picture
    picture = _within_limit(picture, info, parameters, may_shrink=request.fit, has_mask=mask is not None)
    if picture is not before:
        notes = (*notes, f"Shrunk from {before.size_text} to {picture.size_text} to fit {info.title}.")
    told_before = uploads if picture is original else None
    tell = functools.partial(_tell, picture, info, source=request.image, uploads=told_before)
    parameters = resolve_auto(info, parameters, tell=tell)
    reason, assumed = undamaged.looked_at(task, info, request.parameters, tell=tell)
    notes = (*notes, *filter(None, (reason, assumed)))
    enlargement = None
    if info.param("scale") is not None:
        enlargement = plan_enlargement(info.scales, parameters, width=picture.width, height=picture.height)
        _check_output(enlargement, picture)
        notes = (*notes, *_notes_on(enlargement))
    if request.file_format is not None:
        result = picture if enlargement is None else enlargement
        check_side(request.file_format, width=result.width, height=result.height)
    return Plan(
        picture=picture,
        part=part_of(picture, is_whole=mask is not None or task is Task.SALT_AND_PEPPER),
        task=task,
        info=info,
        parameters=parameters,
        enlargement=enlargement,
        mask=mask,
        feather_px=_feather_px(request),
        kernel=_kernel(request, info),
        precision=request.precision,
        tile_px=request.tile_px,
        has_preview=request.has_preview,
        deadline_s=None if time_limit_s is None else time.perf_counter() + time_limit_s,
        notes=notes,
        is_left=reason is not None,
    )


def task_named(task: Task | str) -> Task:
    """Return a task by its name.

    Raises:
        InvalidRequest: there is none of that name.
    """
    try:
        return Task(task)
    except ValueError as error:
        known = ", ".join(Task)
        raise InvalidRequest(f'Task "{task}" does not exist; choose one of {known}.') from error


def check_choices(request: RestoreRequest) -> None:
    """Check what is the same for all models.

    Raises:
        InvalidParameter: the precision or the size of tiles is none.
    """
    if request.precision not in ("auto", "exact"):
        raise InvalidParameter(f'"precision" must be auto or exact, but is {request.precision}.', name="precision")
    tile_px = request.tile_px
    if tile_px is not None and (not isinstance(tile_px, int) or isinstance(tile_px, bool) or tile_px < _LEAST_TILE_PX):
        message = f'"tile_px" must be a whole number from {_LEAST_TILE_PX}, but is {tile_px}.'
        raise InvalidParameter(message, name="tile_px")


def measure(picture: Picture, info: ModelInfo, name: str) -> float | None:
    """Return what a picture tells a model under a name of `MEASURES`."""
    return MEASURES[name].of(picture, info)


def _tell(
    picture: Picture, info: ModelInfo, name: str, *, source: ImageSource, uploads: Uploads | None
) -> float | None:
    """Return what a picture tells under a name, measured only where its file has not told it before.

    Args:
        uploads: knows what the file told; None where the picture is not as it came.
    """
    is_of_model = name == "views"
    if uploads is None or is_of_model or picture.width * picture.height > MAX_PIXELS:
        return measure(picture, info, name)
    return uploads.tell(source, name, measure=functools.partial(measure, picture, info))


def _mask(request: RestoreRequest, task: Task, picture: Picture) -> Mask | None:
    if task is not Task.INPAINT:
        if request.mask is not None:
            raise InvalidMask(f'A mask is only for inpainting, but the task is "{task}"; leave the mask out.')
        return None
    if request.mask is None:
        raise InvalidMask(
            "Inpainting needs a mask but none came; paint over what should be replaced, or upload a mask."
        )
    return read_mask(request.mask, size=(picture.width, picture.height), of=picture)


def _read(request: RestoreRequest, task: Task, uploads: Uploads) -> Picture:
    largest, longest_px = (MAX_PIXELS_TO_FIT, MAX_SIDE_TO_FIT_PX) if request.fit else (MAX_PIXELS, MAX_SIDE_PX)
    picture = uploads.read(request.image, keep_gps=request.keep_gps, max_pixels=largest, max_side_px=longest_px)
    return picture if task is Task.LOW_LIGHT else in_own_range(picture)  # low light finds a brightness of its own


def _within_side(picture: Picture, *, has_mask: bool) -> Picture:
    """Return the picture, one with too long a side, which only `fit` lets in, shrunk to the longest.

    Raises:
        ImageTooLarge: its mask would have to be shrunk, too.
    """
    if max(picture.width, picture.height) <= MAX_SIDE_PX:
        return picture
    if has_mask:
        raise ImageTooLarge(
            f"A side may have at most {MAX_SIDE_PX} px but the picture has {picture.size_text}; "
            "shrink the picture and the mask together first.",
            limit=MAX_SIDE_PX,
        )
    return shrink_to_side(picture, max_side_px=MAX_SIDE_PX)


def _notes_on_frames(picture: Picture) -> tuple[str, ...]:
    if picture.frames <= 1:
        return ()
    count = f"{picture.frames} or more" if picture.frames == MOST_FRAMES else str(picture.frames)
    return (f"The file holds {count} pictures; this is the first.",)


def _within_limit(
    picture: Picture, info: ModelInfo, parameters: Parameters, *, may_shrink: bool, has_mask: bool
) -> Picture:
    """Return the picture, shrunk where a model takes no more pixels; the same one where it does.

    Raises:
        ImageTooLarge: it has too many, and may not or, because of its mask, cannot be shrunk.
    """
    limit = _largest_input_pixels(info, parameters)
    if picture.width * picture.height <= limit:
        return picture
    if may_shrink and not has_mask:
        return shrink_to(picture, max_pixels=limit)
    by_factor = float(parameters["scale"]) if limit < int(info.max_megapixels * 1e6) else None
    takes = "takes" if by_factor is None else f"at a factor of {by_factor:g} takes"
    other = "another model" if by_factor is None else "a smaller factor"
    advice = (
        "shrink the picture and the mask together first"
        if may_shrink
        else f'have it shrunk ("fit", on the page under "Advanced"), or choose {other}'
    )
    raise ImageTooLarge(
        f"{info.title} {takes} at most {limit / 1e6:.3g} megapixels but the picture has {picture.size_text} "
        f"({picture.width * picture.height / 1e6:.3g} megapixels); {advice}.",
        limit=limit,
    )


def _feather_px(request: RestoreRequest) -> int:
    if not 0 <= request.feather_px <= _MOST_FEATHER_PX:
        raise InvalidRequest(
            f"The feather must be 0 to {_MOST_FEATHER_PX} px but is {request.feather_px}; choose a number between."
        )
    return request.feather_px


def _kernel(request: RestoreRequest, info: ModelInfo) -> FloatArray | None:
    if request.kernel is None:
        return None
    if not info.takes_kernel:
        raise InvalidRequest(f"{info.title} takes no blur kernel; leave it out or choose another model.")
    return read_kernel(request.kernel)


def _largest_input_pixels(info: ModelInfo, parameters: Parameters) -> int:
    """Return how many pixels a picture may have: the model's own limit and that of the largest picture on the way."""
    own = int(info.max_megapixels * 1e6)
    if info.param("scale") is None or is_size_given(parameters):
        return own  # a size in pixels leads there from any picture
    return int(min(own, MAX_OUTPUT_PIXELS / peak_factor(info.scales, parameters) ** 2))


def _check_output(enlargement: Enlargement, picture: Picture) -> None:
    pixels = max(
        math.prod(enlargement.passes) ** 2 * picture.width * picture.height, enlargement.width * enlargement.height
    )
    if pixels > MAX_OUTPUT_PIXELS:
        raise ImageTooLarge(
            f"The way to {enlargement.width}x{enlargement.height} px leads through {pixels / 1e6:.0f} megapixels, but "
            f"{MAX_OUTPUT_PIXELS / 1e6:.0f} are the most; choose a smaller size or another model.",
            limit=MAX_OUTPUT_PIXELS,
        )


def _notes_on(enlargement: Enlargement) -> tuple[str, ...]:
    if len(enlargement.passes) < 2:
        return ()
    steps = " and then ".join(f"{scale} times" for scale in enlargement.passes)
    return (f"Enlarged {steps}; detail this far beyond the original is a guess.",)
