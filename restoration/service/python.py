"""The door for Python code: one call restores one picture."""

from __future__ import annotations

import functools
from typing import Literal

from restoration.service.door import Service
from restoration.service.plan import task_named
from restoration.types import Done, ImageSource, ParamValue, RestoreRequest, RestoreResult, Task, as_mapping


@functools.cache
def default_service() -> Service:
    """Return the service that this process shares."""
    return Service()


def restore(
    image: ImageSource,
    *,
    task: Task | str,
    model: str | None = None,
    mask: ImageSource | None = None,
    kernel: ImageSource | None = None,
    fit: bool = False,
    precision: Literal["auto", "exact"] = "auto",
    tile_px: int | None = None,
    keep_gps: bool = False,
    **parameters: ParamValue,
) -> RestoreResult:
    """Restore one picture and wait for the result.

    Args:
        image: PIL image, array (H, W[, C]) of uint8, uint16 or float in [0, 1], file path, or file bytes.
        task: "denoise", "salt-and-pepper", "dejpeg", "deblur", "super-resolution", "inpaint" or "low-light".
        model: a model id; None takes the task's first model that is available and takes the parameters.
        mask: for inpainting, as large as the image; white marks what is to be filled.
        kernel: for deblurring, a picture of the blur kernel.
        fit: shrink a picture above the model's limit instead of refusing it.
        precision: "auto" takes the fastest that is safe, "exact" computes in float32.
        tile_px: side of a tile of the input; None lets the engine choose.
        keep_gps: keep the GPS part of EXIF.
        parameters: the model's own, in the units that the page shows: `sigma` in 0-255, `scale`, ...

    Raises:
        InvalidRequest, ModelUnavailable, OutOfMemory, UnstableOutput: see `Service.restore`.

    Example:
        >>> import numpy as np
        >>> from restoration import restore
        >>> restore(np.zeros((8, 8, 3), np.uint8), task="super-resolution", model="lanczos", scale=2).image.size
        (16, 16)
    """
    request = RestoreRequest(
        image=image,
        task=task_named(task),
        model=model,
        parameters=as_mapping(parameters),
        mask=mask,
        kernel=kernel,
        fit=fit,
        precision=precision,
        tile_px=tile_px,
        keep_gps=keep_gps,
    )
    for event in default_service().restore(request):
        if isinstance(event, Done):
            return event.result
    raise AssertionError("the service ended without a result")
