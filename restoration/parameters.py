"""Checking the parameters of a request against what a model takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from restoration.errors import InvalidParameter
from restoration.types import ModelInfo, Param, Parameters, ParamValue

_USUAL = {
    "brightness": 80.0,
    "coarse_noise": 25.0,
    "jpeg_quality": 30.0,
    "noise_level": 25.0,
    "shadow_noise": 10.0,
    "views": 1.0,
}
"""What a bad picture tells, by `Param.auto_from`."""
_MANY_VIEWS: tuple[tuple[int, ...], float] = (8, 4, 2), 860e9
_QUICK_VIEWS: tuple[tuple[int, ...], float] = (8, 4), 370e9
"""The numbers of views that may be taken, and how many multiply-adds they may need."""


def complete(info: ModelInfo, given: Parameters) -> dict[str, ParamValue]:
    """Return all parameters of a model: those given, checked, and defaults for the others, in user units.

    Raises:
        InvalidParameter: a name is unknown to the model, or a value is of the wrong type or out of range.
    """
    for name in given:
        if info.param(name) is None:
            known = ", ".join(param.name for param in info.params) or "none"
            raise InvalidParameter(f'Model "{info.id}" has no parameter "{name}"; it takes: {known}.', name=name)
    return {
        param.name: _on_step(param, check(param, given[param.name])) if param.name in given else param.default
        for param in info.params
    }


def settle(
    info: ModelInfo, values: Mapping[str, ParamValue], *, tell: Callable[[str], float | None]
) -> dict[str, ParamValue]:
    """Return the parameters with every "0 = automatic" replaced by what the picture tells, or by its substitute.

    Args:
        tell: returns what the picture tells under the name of `Param.auto_from`, or None.
    """
    settled = dict(values)
    for param in info.params:
        if param.auto_from and settled[param.name] == 0:
            is_asked = not param.auto_with or values[param.auto_with] == 0
            told = tell(param.auto_from) if is_asked else None
            settled[param.name] = check(param, param.auto_else if told is None else _rounded(param, told))
    return settled


def automatic_views(info: ModelInfo, *, pixels: int) -> int:
    """Return how many views of a picture a model takes unless told: the smaller the picture, the more are worth it.

    Enlarging has to be quicker than the removal of damage, and gains less by them.
    """
    if info.param("views") is None:
        return 1
    counts, most = _MANY_VIEWS if info.param("scale") is None else _QUICK_VIEWS
    return next((count for count in counts if count * pixels * info.macs_per_pixel <= most), 1)


def representative(info: ModelInfo, values: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
    """Return parameters by which a model shows what it does: what a picture would tell is told, a blur is given."""
    shown = dict(values)
    for param in info.params:
        if param.auto_from in _USUAL:
            shown[param.name] = check(param, _rounded(param, _USUAL[param.auto_from]))
        elif param.name == "blur":
            shown[param.name] = "gaussian"
    return shown


def mix_of(info: ModelInfo, values: Mapping[str, ParamValue]) -> float:
    """Return the share of the model's answer in the result, 0 to 1."""
    return min(1.0, *(float(values[param.name]) for param in info.params if param.is_mix), 1.0)


def fits(info: ModelInfo, given: Parameters) -> bool:
    """Tell whether a model takes all these parameters with these values."""
    try:
        complete(info, given)
    except InvalidParameter:
        return False
    return True


def _rounded(param: Param, told: float) -> float:
    """Round to a step of the control, inside its range; never to the 0 that stands for automatic."""
    step = param.step or 1.0
    least = step if param.minimum == 0 else param.minimum or step
    return float(min(max(round(told / step) * step, least), param.maximum or told))


def _on_step(param: Param, value: ParamValue) -> ParamValue:
    """Return a number that models are built with rounded to a step of its control, lest every value be a model.

    A factor stays as it is: networks are built for the whole factors next to it, and the rest is plain resizing.
    """
    if not param.is_build or param.kind != "float" or not param.step or param.name == "scale":
        return value
    first = param.minimum or 0.0
    return round(first + round((float(value) - first) / param.step) * param.step, 6)


def in_model_units(info: ModelInfo, values: Parameters) -> Parameters:
    """Divide every number by its parameter's `unit_scale`: sigma 25 becomes 25 / 255."""
    converted: dict[str, ParamValue] = {}
    for param in info.params:
        value = values[param.name]
        is_number = param.kind in ("float", "int") and not isinstance(value, (bool, str))
        converted[param.name] = value / param.unit_scale if is_number and param.unit_scale != 1 else value  # type: ignore[operator]
    return MappingProxyType(converted)


def check(param: Param, value: ParamValue) -> ParamValue:
    """Return a value in the parameter's own type.

    Whole floats are taken for an "int" and ints for a "float", since JSON and sliders do not tell them apart.

    Raises:
        InvalidParameter: wrong type, not a number, out of range, or not one of the choices.
    """
    if param.kind == "choice":
        for choice in param.choices:
            if type(value) is not bool and value == choice:
                return choice
        allowed = ", ".join(str(choice) for choice in param.choices)
        raise InvalidParameter(
            f'"{param.name}" must be one of {allowed}, but is {_shown(value)}; choose one of them.', name=param.name
        )
    if param.kind == "bool":
        if isinstance(value, bool):
            return value
        raise InvalidParameter(f'"{param.name}" must be true or false, but is {value}.', name=param.name)
    return _check_number(param, value)


def _shown(value: object) -> str:
    if isinstance(value, int) and not _is_finite(value):
        return "too large"
    return f'the text "{value}"' if isinstance(value, str) else str(value)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond what a float holds
        return False


def _check_number(param: Param, value: ParamValue) -> ParamValue:
    kind = "a whole number" if param.kind == "int" else "a number"
    limits = (
        f"from {param.minimum:g} to {param.maximum:g}"
        if param.minimum is not None and param.maximum is not None
        else ""
    )
    wanted = f'"{param.name}" must be {kind} {limits}'.rstrip()
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not _is_finite(value):
        raise InvalidParameter(f"{wanted}, but is {_shown(value)}; give a number in that range.", name=param.name)
    if param.kind == "int" and value != int(value):
        raise InvalidParameter(f"{wanted}, but is {value}; round it.", name=param.name)
    low = -math.inf if param.minimum is None else param.minimum
    high = math.inf if param.maximum is None else param.maximum
    if not low <= value <= high:
        raise InvalidParameter(f"{wanted}, but is {value:g}; give a number in that range.", name=param.name)
    return int(value) if param.kind == "int" else float(value)
