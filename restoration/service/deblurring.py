"""The blur kernel of a run: given, described by parameters, or estimated from the whole picture, once."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from restoration.arrays import FloatArray
from restoration.images import gray_of
from restoration.types import Parameters, Progress

ESTIMATE = "estimate"
_CRAMPED_SHARE = 0.05

POINT: FloatArray = np.ones((1, 1), np.float32)
"""The kernel of no blur."""

NO_BLUR = (
    "No blur was found to undo: the picture is sharp to about a pixel, or too flat to tell. "
    "Where you see blur, choose its kind and radius by hand."
)
CRAMPED = 'The blur fills the whole kernel; raise "Largest blur" if the result looks doubled or still blurred.'


def find_kernel(
    pixels: FloatArray, parameters: Parameters
) -> Generator[Progress, None, tuple[FloatArray, tuple[str, ...]]]:
    """Yield the progress; return the kernel (k, k'), odd sides, sum 1, and sentences the user should read.

    Args:
        pixels: (H, W, 3), range [0, 1], the whole picture.
        parameters: `blur` and what describes it, in the model's units; "estimate" takes `kernel_px`.
    """
    if parameters["blur"] != ESTIMATE:
        from restoration.algorithms.convolution import kernel_of

        return kernel_of(parameters, None), ()
    from restoration.algorithms.blind_kernel import estimate_kernel

    size_px = int(parameters["kernel_px"]) // 2 * 2 + 1
    steps = estimate_kernel(gray_of(pixels), size_px=size_px)
    message = "Estimating the blur"
    yield Progress(0.0, message)
    while True:
        try:
            yield Progress(0.0, f"{message}, {next(steps):.0%}")
        except StopIteration as end:
            kernel: FloatArray = end.value
            return kernel, _findings(kernel, size_px)


def _findings(kernel: FloatArray, size_px: int) -> tuple[str, ...]:
    if kernel.size == 1:
        return (NO_BLUR,)
    reach_px = np.array(kernel.shape) // 2
    rows, columns = (np.abs(np.arange(side) - side // 2) for side in kernel.shape)
    rim = np.maximum(rows[:, None], columns) >= size_px // 2 - 1
    is_cramped = reach_px.max() >= size_px // 2 - 1 and kernel[rim].sum() > _CRAMPED_SHARE
    return (CRAMPED,) if is_cramped else ()
