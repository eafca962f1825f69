"""Contact sheets: full-size crops of the input, the baseline, the models and the reference, if any."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from restoration.images import Picture, shrink_to
from restoration.lab.bench.cases import Case
from restoration.service.door import Service
from restoration.types import Done, ParamValue, RestoreRequest, Task, as_mapping

_GAP_PX = 4
_LINE_PX = 16
_PAPER = (255, 255, 255)
_INK = (40, 40, 40)

Samples = npt.NDArray[np.uint8]
Crop = tuple[str, Samples]


def contact_sheet(
    service: Service,
    cases: Iterable[Case],
    *,
    task: Task,
    models: Sequence[str],
    parameters: Mapping[str, ParamValue],
    crop_px: int = 256,
    progress: Callable[[str], None] = lambda _: None,
) -> Image.Image:
    """Return a sheet with one row per case: the same crop in every column, from the liveliest part, or where holes are.

    Args:
        crop_px: side of the crops of the result.
    """
    rows = [
        (case.name, crops_of(service, case, task=task, models=models, parameters=parameters, crop_px=crop_px))
        for case in _told(cases, progress)
    ]
    return _paste(rows, crop_px=crop_px)


def _told(cases: Iterable[Case], progress: Callable[[str], None]) -> Iterator[Case]:
    for case in cases:
        progress(case.name)
        yield case


def crops_of(
    service: Service,
    case: Case,
    *,
    task: Task,
    models: Sequence[str],
    parameters: Mapping[str, ParamValue],
    crop_px: int,
) -> list[Crop]:
    """Return the same crop, with its title, of the input, every model's answer and the reference where there is one.

    Args:
        crop_px: side of the crops of the result; they are smaller where it is.
    """
    takes = {status.info.id: status.info for status in service.list_models(task)}
    answers: list[tuple[str, Picture]] = []
    for name in models:
        info = takes.get(name)
        chosen = {key: value for key, value in parameters.items() if info is None or info.param(key)}
        request = RestoreRequest(
            image=case.degraded,
            task=task,
            model=name,
            parameters=as_mapping(chosen),
            mask=case.mask,
            kernel=case.kernel,
            fit=True,
        )
        result = next(event.result for event in service.restore(request) if isinstance(event, Done))
        answers.append((name, result.picture))
    width, height = answers[0][1].width, answers[0][1].height
    columns = [("input", _as_large(case.degraded, width, height))]
    columns += [(name, _as_large(picture, width, height)) for name, picture in answers]
    if not np.array_equal(case.reference.pixels, case.degraded.pixels):
        columns.append(("reference", _as_large(case.reference, width, height)))
    seen = columns[1][1] if case.mask is None else np.repeat(case.mask[..., None] * np.uint8(255), 3, axis=2)
    top, left = _liveliest(seen, crop_px)
    return [(name, samples[top : top + crop_px, left : left + crop_px]) for name, samples in columns]


def _as_large(picture: Picture, width: int, height: int) -> Samples:
    """Return 8-bit RGB of that size; smaller pictures are enlarged pixel by pixel, so that nothing is smoothed."""
    if picture.width * picture.height > width * height:
        picture = shrink_to(picture, max_pixels=width * height)
    image = Image.fromarray(np.rint(np.clip(picture.pixels, 0, 1) * 255).astype(np.uint8))
    return np.asarray(
        image if image.size == (width, height) else image.resize((width, height), Image.Resampling.NEAREST)
    )


def _liveliest(samples: Samples, crop_px: int) -> tuple[int, int]:
    """Return the corner of the crop with the most edges, away from the border."""
    height, width = samples.shape[:2]
    gray = samples.mean(axis=2)
    edges = np.abs(np.diff(gray, axis=0, prepend=gray[:1])) + np.abs(np.diff(gray, axis=1, prepend=gray[:, :1]))
    best, corner = -1.0, (0, 0)
    for top in range(0, max(1, height - crop_px + 1), max(1, crop_px // 4)):
        for left in range(0, max(1, width - crop_px + 1), max(1, crop_px // 4)):
            score = float(np.minimum(edges[top : top + crop_px, left : left + crop_px], 40).mean())
            if score > best:
                best, corner = score, (top, left)
    return corner


def _paste(rows: Sequence[tuple[str, Sequence[Crop]]], *, crop_px: int) -> Image.Image:
    columns = max((len(crops) for _, crops in rows), default=1)
    cell = crop_px + _GAP_PX
    sheet = Image.new("RGB", (columns * cell, len(rows) * (cell + _LINE_PX)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for row, (name, crops) in enumerate(rows):
        top = row * (cell + _LINE_PX)
        for column, (title, samples) in enumerate(crops):
            label = f"{name}: {title}" if column == 0 else title
            draw.text((column * cell + 2, top + 2), label, fill=_INK)
            sheet.paste(Image.fromarray(samples), (column * cell, top + _LINE_PX))
    return sheet
