"""The dots of a run: found once at every pixel of the picture, and handed to the model."""

from __future__ import annotations

from dataclasses import replace

from restoration import diagnosis
from restoration.arrays import FloatArray
from restoration.diagnosis.dots import Dots, find_dots, measure_dots, smooth_smears
from restoration.images import bleed_alpha
from restoration.service.plan import Plan
from restoration.service.preparation import part_of
from restoration.service.undamaged import NO_DOTS
from restoration.types import Task


def with_dots(plan: Plan) -> Plan:
    """Return the plan of a removal of dots with the dots; of any other task, the plan as it is."""
    if plan.task is not Task.SALT_AND_PEPPER or plan.is_left:
        return plan
    pixels = plan.part.cut(bleed_alpha(plan.picture))
    dots = _measured(plan, pixels)
    if dots.kind == "none":
        return replace(plan, is_left=True, notes=(*plan.notes, NO_DOTS))
    return plan if dots.kind == "extreme" else replace(plan, dots=find_dots(pixels, dots))


def without_dots(pixels: FloatArray, plan: Plan) -> FloatArray:
    """Return a model's answer without what compression smeared of the dots that the service found."""
    if plan.dots is None:
        return pixels
    before = plan.part.cut(bleed_alpha(plan.picture))
    return smooth_smears(pixels, _measured(plan, before))


def _measured(plan: Plan, pixels: FloatArray) -> Dots:
    """Measure the dots of the whole picture, and of the photo in its frame where the whole shows none."""
    dots = measure_dots(diagnosis.sample(pixels))
    if dots.kind != "none":
        return dots
    return measure_dots(diagnosis.sample(part_of(plan.picture, is_whole=False).cut(pixels)))
