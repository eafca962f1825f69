"""Parse a table of a recipe into a dataclass and check it against the types of the fields."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from restoration.errors import InvalidRequest

Record = TypeVar("Record")


@dataclass(frozen=True)
class Limits:
    """Which numbers a setting takes, and how a message says so."""

    allow: Callable[[float], bool]
    words: str


Count = Annotated[int, Limits(lambda value: value >= 1, "of at least 1")]
Natural = Annotated[int, Limits(lambda value: value >= 0, "of at least 0")]
Weight = Annotated[float, Limits(lambda value: value >= 0, "of at least 0")]
Factor = Annotated[float, Limits(lambda value: value >= 1, "of at least 1")]
Positive = Annotated[float, Limits(lambda value: value > 0, "above 0")]
Share = Annotated[float, Limits(lambda value: 0 <= value <= 1, "from 0 to 1")]
SomeShare = Annotated[float, Limits(lambda value: 0 < value <= 1, "above 0 and at most 1")]
TrueShare = Annotated[float, Limits(lambda value: 0 < value < 1, "above 0 and below 1")]
Shares = Annotated[tuple[float, float], Limits(lambda value: 0 <= value <= 1, "from 0 to 1")]
Names = tuple[str, ...]
Levels255 = Annotated[tuple[float, float], Limits(lambda value: 0 <= value <= 255, "from 0 to 255")]


def record_from(kind: type[Record], table: Mapping[str, Any], *, where: str) -> Record:
    """Build a record from a table; a field that is a record itself takes the table of its name.

    Args:
        kind: a dataclass.
        where: begins the messages.

    Raises:
        InvalidRequest: a setting is unknown, missing, of the wrong type or out of range.
    """
    if not isinstance(table, Mapping):
        raise InvalidRequest(f"{where} is no table; write its name in brackets and its settings below.")
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(table.keys() - fields.keys()):
        raise InvalidRequest(
            f"{where} has unknown settings {', '.join(unknown)}; known are {', '.join(sorted(fields))}."
        )
    needed = {name for name, field in fields.items() if field.default is field.default_factory is dataclasses.MISSING}
    if missing := sorted(needed - table.keys()):
        raise InvalidRequest(f"{where} lacks {', '.join(missing)}; add them.")
    hints = get_type_hints(kind, include_extras=True)
    values: dict[str, Any] = {}
    for name, value in table.items():
        inner = next((part for part in get_args(hints[name]) if dataclasses.is_dataclass(part)), None)
        if isinstance(inner, type):
            values[name] = record_from(inner, value, where=f"{where}, table [{name}],")
            continue
        if expected := _unmet(value, hints[name]):
            shown = f'"{value}"' if isinstance(value, str) else value
            raise InvalidRequest(f"{where} has {name} {shown}; use {expected}.")
        values[name] = _settled(value)
    return kind(**values)


def _settled(value: Any) -> Any:
    """Return a value that can no longer change; numbers of a list as floats."""
    if not isinstance(value, list):
        return value
    return tuple(each if isinstance(each, str) else float(each) for each in value)


def _unmet(value: object, hint: Any) -> str:
    """Return what a setting of this type takes, in words; "" where the value is such."""
    limits = None
    if get_origin(hint) is Annotated:
        hint, limits = get_args(hint)
    if choices := _choices(hint):
        return "" if value in choices else f"one of {', '.join(filter(None, choices))}"
    if hint == Names:
        is_met = isinstance(value, list) and all(isinstance(each, str) and each for each in value)
        return "" if is_met else "a list of texts"
    if get_origin(hint) is tuple:
        is_pair = isinstance(value, list) and len(value) == 2 and all(_is_number(part, float, limits) for part in value)
        is_met = is_pair and value[0] <= value[1]  # type: ignore[index]
        return "" if is_met else f"two numbers {limits.words if limits else ''}, the smaller one first"
    if hint in (int, float):
        kind = "a whole number" if hint is int else "a number"
        return "" if _is_number(value, hint, limits) else f"{kind} {limits.words if limits else ''}"
    if hint is bool:
        return "" if isinstance(value, bool) else "true or false"
    if hint is str:
        return "" if isinstance(value, str) else "a text"
    return "" if isinstance(value, Mapping) else "a table"


def _choices(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) is Literal:
        return get_args(hint)
    return tuple(choice for part in get_args(hint) for choice in _choices(part))


def _is_number(value: object, kind: type, limits: Limits | None) -> bool:
    """Tell whether a value is a number of the kind within the limits; whole numbers are floats too, flags are none."""
    if isinstance(value, bool) or not isinstance(value, (int, kind)):
        return False
    assert isinstance(value, (int, float))
    return math.isfinite(value) and (limits is None or limits.allow(value))
