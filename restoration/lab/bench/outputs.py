"""Save the output of every built-in model on five small pictures, and compare it after a change of the code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from restoration.arrays import FloatArray
from restoration.errors import InvalidRequest
from restoration.service.door import Service
from restoration.types import Done, ModelInfo, RestoreRequest, Task, as_mapping

PICTURES = ("denoise-noise.png", "denoise-jpeg.jpg", "sr-1.png", "lowlight-1.jpg", "inpaint-1.png")
IDENTICAL_DB = float("inf")
SAME_DB = 80.0
"""Below this a change of the code has changed the picture."""
_CROP_PX = 96
_FEW = {"iterations": 3}

Output = FloatArray


def outputs_of(service: Service, folder: Path) -> Iterator[tuple[str, Output]]:
    """Yield ("task/model/picture", what the model answers, (H, W, 3) float32) for all models that need no network.

    Args:
        folder: that of the example pictures; the middle of each is restored, with a mask of scratches for inpainting.

    Raises:
        InvalidRequest: an example picture is absent.
    """
    for name in PICTURES:
        pixels = _middle(folder / name)
        for task in Task:
            for status in service.list_models(task):
                if status.is_available and status.info.is_built_in:
                    yield f"{task}/{status.info.id}/{name}", _answer(service, status.info, task, pixels)


def save(outputs: Iterator[tuple[str, Output]], file: Path, *, progress: Callable[[str], None]) -> int:
    """Write outputs into an .npz file; return how many there are."""
    kept: dict[str, Output] = {}
    for name, output in outputs:
        progress(name)
        kept[name] = output
    with file.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **kept)
    return len(kept)


def compare(outputs: Iterator[tuple[str, Output]], file: Path) -> Iterator[tuple[str, float]]:
    """Yield the PSNR in dB between each output and the one kept under its name; infinite where they are identical.

    Raises:
        InvalidRequest: the file is not one of `save`, or has an output that is there no more.
    """
    try:
        with np.load(file) as content:
            kept = dict(content)
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{file} is no file of outputs; write one with --save.") from error
    for name, output in outputs:
        before = kept.pop(name, None)
        if before is None:
            continue  # a model that is new
        yield name, _psnr(before, output)
    if kept:
        raise InvalidRequest(f"No model makes these outputs any more: {', '.join(sorted(kept))}.")


def _psnr(before: Output, after: Output) -> float:
    if before.shape != after.shape:
        return -IDENTICAL_DB
    error = float(np.mean((before.astype(np.float64) - after) ** 2))
    return IDENTICAL_DB if error == 0 else -10 * float(np.log10(error))


def _answer(service: Service, info: ModelInfo, task: Task, pixels: npt.NDArray[np.uint8]) -> Output:
    few = {name: value for name, value in _FEW.items() if info.param(name) is not None}
    request = RestoreRequest(
        image=pixels,
        task=task,
        model=info.id,
        parameters=as_mapping(few),
        mask=_scratches() if task is Task.INPAINT else None,
    )
    for event in service.restore(request):
        if isinstance(event, Done):
            return np.asarray(event.result.picture.pixels, dtype=np.float32)
    raise AssertionError("the service ended without a result")


def _middle(file: Path) -> npt.NDArray[np.uint8]:
    try:
        with Image.open(file) as image:
            pixels = np.asarray(image.convert("RGB"))
    except OSError as error:
        raise InvalidRequest(f"{file} is no picture; run this in a checkout, where the examples are.") from error
    top, left = ((side - _CROP_PX) // 2 for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + _CROP_PX, left : left + _CROP_PX])


def _scratches() -> npt.NDArray[np.uint8]:
    mask = np.zeros((_CROP_PX, _CROP_PX), np.uint8)
    mask[10:14, 5:90] = 255
    mask[40:64, 40:64] = 255
    return mask
