"""What pydantic finds wrong in a manifest, as a sentence that names file, entry, key and what was expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from restoration.errors import ManifestError

_TABLES = {"param": "parameter", "model": "model", "file": "file", "measured": "measured", "also": "also"}
_NAMED_BY = ("id", "name", "role", "test")


@dataclass(frozen=True)
class Where:
    """A place in a manifest: a file, and the entries that lead to the table."""

    file: Path
    entries: tuple[str, ...] = ()

    def inside(self, table: str, name: str) -> Where:
        """Return the place of a table in this one."""
        return Where(self.file, (*self.entries, f'{table} "{name}"'))

    def error(self, key: str, rule: str) -> ManifestError:
        """Return the error of a key; `rule` completes a sentence about it."""
        return ManifestError(f"In the manifest {self.file}, {', '.join((*self.entries, f'key {key}'))}: {rule}.")

    def require(self, condition: bool, key: str, rule: str) -> None:
        """Raise the error of a key unless the condition holds.

        Raises:
            ManifestError: it does not.
        """
        if not condition:
            raise self.error(key, f"{key} {rule}")


def first_fault(error: ValidationError, raw: Mapping[str, Any], kind: type[BaseModel], *, file: Path) -> ManifestError:
    """Return the first thing that is wrong in the content of a file.

    Args:
        raw: the content.
        kind: the schema that it does not fit.
    """
    fault = error.errors()[0]
    where, node, keys = Where(file), raw, list(fault["loc"])
    schema: type[BaseModel] = kind
    while len(keys) > 1 and isinstance(node, Mapping) and keys[0] in _TABLES:
        table, step = str(keys[0]), keys[1]
        node = node.get(table, {})[step]
        name = step if isinstance(step, str) else next((node[key] for key in _NAMED_BY if key in node), step + 1)
        where = where.inside(_TABLES[table], str(name))
        schema, keys = _entry_of(schema, table), keys[2:]
    rule, came = _rule(fault, schema)
    if not keys:  # a rule about the table itself, which begins with its key
        return where.error(rule.split(" ")[0].rstrip(","), rule)
    shown = f", but {_shown(fault['input'])} came" if came else ""
    return where.error(str(keys[0]), f"{keys[0]} {rule}{shown}")


def _rule(fault: ErrorDetails, schema: type[BaseModel]) -> tuple[str, bool]:
    """Return what was expected of a key, and whether what came instead is to be said."""
    match fault["type"]:
        case "missing":
            return "is missing", False
        case "extra_forbidden":
            return f"is unknown; known are {', '.join(schema.model_fields)}", False
        case "value_error":
            return str(fault["ctx"]["error"]), bool(fault["loc"]) and not isinstance(fault["input"], Mapping)
        case _:
            return fault["msg"].replace("Input should be", "must be").replace("Value should", "must"), True


def _entry_of(schema: type[BaseModel], table: str) -> type[BaseModel]:
    """Return the schema of the entries of a table: the last argument of list[...] or dict[str, ...]."""
    kind = get_args(schema.model_fields[table].annotation)[-1]
    assert isinstance(kind, type)
    assert issubclass(kind, BaseModel)
    return kind


def _shown(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
