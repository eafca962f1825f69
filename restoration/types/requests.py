"""What is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from restoration.images import FileFormat, ImageSource
from restoration.types.mapping import FrozenMapping
from restoration.types.models import Parameters, Task


@dataclass(frozen=True)
class RestoreRequest:
    """Ask for one restoration; every door builds one of these, and it can be pickled.

    Args:
        image: the picture; paths and bytes are decoded by the service.
        task: what to do.
        model: a model id, or None for the first model of the task that fits the parameters.
        parameters: values by name, in the units that users see (sigma in 0-255).
        mask: for inpainting; white marks what is to be filled, as do the other marks that `read_mask` takes. None
            elsewhere.
        feather_px: how far inside the mask the original passes into the fill; 0 fills the whole mask.
        kernel: for deblurring with models that take one, a picture of the blur kernel instead of the parameters of it.
        fit: shrink a picture above the model's limit instead of refusing it.
        precision: "auto" takes the fastest that is safe, "exact" computes in float32.
        tile_px: side of a tile of the input; None lets the engine choose.
        keep_gps: keep the GPS part of EXIF.
        file_format: in which the result will be written; one that does not hold it is refused before the work.
        has_preview: send small pictures of the work in progress with the progress.
    """

    image: ImageSource
    task: Task
    model: str | None = None
    parameters: Parameters = field(default_factory=FrozenMapping)
    mask: ImageSource | None = None
    feather_px: int = 0
    kernel: ImageSource | None = None
    fit: bool = False
    precision: Literal["auto", "exact"] = "auto"
    tile_px: int | None = None
    keep_gps: bool = False
    file_format: FileFormat | None = None
    has_preview: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", FrozenMapping(self.parameters))
