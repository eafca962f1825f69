"""What a request asks for, checked: the picture read, the settings complete, the way to the size wanted known."""

from __future__ import annotations

import functools
import math
import threading
import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from restoration import diagnosis
from restoration.enlarging import Enlargement, is_size_given, peak_factor, plan_enlargement
from restoration.errors import ImageTooLarge, InvalidMask, InvalidParameter, InvalidRequest
from restoration.images import (
    MAX_PIXELS,
    MAX_PIXELS_TO_FIT,
    MOST_FRAMES,
    FloatArray,
    Picture,
    check_side,
    read,
    read_kernel,
    read_mask,
    shrink_to,
)
from restoration.parameters import automatic_views, complete, settle
from restoration.types import ModelInfo, Parameters, ParamValue, RestoreRequest, Task

MAX_OUTPUT_PIXELS = 64_000_000
_LEAST_TILE_PX = 64
_MOST_FEATHER_PX = 100


@dataclass(frozen=True)
class Plan:
    """A request that has passed all checks."""

    picture: Picture
    task: Task
    info: ModelInfo
    parameters: dict[str, ParamValue]
    enlargement: Enlargement | None
    mask: npt.NDArray[np.bool_] | None
    feather_px: int
    kernel: FloatArray | None
    precision: Literal["auto", "exact"]
    tile_px: int | None
    has_preview: bool
    take: threading.Event | None
    deadline_s: float | None
    notes: tuple[str, ...]

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
        told: dict[str, ParamValue] = {param.name: param.later for param in self.info.params if param.later is not None}
        return told | ({"views": 1} if self.info.param("views") else {})  # it is large by then


def make_plan(
    request: RestoreRequest, task: Task, info: ModelInfo, *, notes: tuple[str, ...], time_limit_s: float | None
) -> Plan:
    """Decode what was sent and check everything that can be checked without loading the model.

    Args:
        info: the model that was chosen.
        notes: for the user, from that choice.
        time_limit_s: how long the run may take from then on; None for no limit.

    Raises:
        InvalidRequest: the picture, the mask, the kernel or a parameter is not fit for use.
    """
    parameters = complete(info, request.parameters)
    largest = MAX_PIXELS_TO_FIT if request.fit else MAX_PIXELS
    picture = read(request.image, keep_gps=request.keep_gps, max_pixels=largest)
    if picture.frames > 1:
        count = f"{picture.frames} or more" if picture.frames == MOST_FRAMES else str(picture.frames)
        notes = (*notes, f"The file holds {count} pictures; this is the first.")
    mask = _mask(request, task, picture)
    limit = _largest_input_pixels(info, parameters)
    if picture.width * picture.height > limit:
        by_factor = float(parameters["scale"]) if limit < int(info.max_megapixels * 1e6) else None
        fitted = _fitted(
            picture, info, limit=limit, may_shrink=request.fit, has_mask=mask is not None, by_factor=by_factor
        )
        notes = (*notes, f"Shrunk from {picture.size_text} to {fitted.size_text} to fit {info.title}.")
        picture = fitted
    parameters = settle(info, parameters, tell=functools.partial(told, picture, info))
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
        take=request.take if info.is_anytime else None,
        deadline_s=None if time_limit_s is None else time.perf_counter() + time_limit_s,
        notes=notes,
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


def told(picture: Picture, info: ModelInfo, name: str) -> float | None:
    """Return what a picture tells a model under the name of `Param.auto_from`."""
    if name == "views":
        return automatic_views(info, pixels=picture.width * picture.height)
    seen = diagnosis.visible_part(picture)
    if name == "brightness":
        return 100 * diagnosis.wanted_brightness(seen.pixels)
    if name == "shadow_noise":
        return diagnosis.shadow_noise_level(seen)
    if name == "coarse_noise":
        return diagnosis.noise_levels(seen)[1]
    if name == "speckle_level":
        return diagnosis.speckle_level(seen)
    return diagnosis.noise_level(seen) if name == "noise_level" else diagnosis.jpeg_quality(seen)


def _mask(request: RestoreRequest, task: Task, picture: Picture) -> npt.NDArray[np.bool_] | None:
    if task is not Task.INPAINT:
        if request.mask is not None:
            raise InvalidMask(f'A mask is only for inpainting, but the task is "{task}"; leave the mask out.')
        return None
    if request.mask is None:
        raise InvalidMask(
            "Inpainting needs a mask but none came; paint over what should be replaced, or upload a mask."
        )
    return read_mask(request.mask, size=(picture.width, picture.height))


def _fitted(
    picture: Picture,
    info: ModelInfo,
    *,
    limit: int,
    may_shrink: bool,
    has_mask: bool,
    by_factor: float | None,
) -> Picture:
    """Return a picture that is too large for a model, shrunk to `limit` pixels.

    Args:
        by_factor: the factor where that, and not the model alone, sets the limit.
    """
    if may_shrink and not has_mask:
        return shrink_to(picture, max_pixels=limit)
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
