"""Mappings that nobody can change and that can be pickled; `types.MappingProxyType` cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value", covariant=True)


class FrozenMapping(Mapping[_Key, _Value]):
    """A read-only copy of a mapping; equal to any mapping with the same entries."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Mapping[_Key, _Value] | None = None) -> None:
        self._entries = dict(entries or {})

    def __getitem__(self, key: _Key) -> _Value:
        return self._entries[key]

    def __iter__(self) -> Iterator[_Key]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"FrozenMapping({self._entries!r})"

    def __reduce__(self) -> tuple[type[FrozenMapping[_Key, _Value]], tuple[dict[_Key, _Value]]]:
        return type(self), (self._entries,)
