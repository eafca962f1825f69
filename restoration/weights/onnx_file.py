"""Check that an ONNX file holds only standard operators and embedded data before onnxruntime opens it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


class UnfitFile(Exception):
    """The file is damaged, or needs other code or other files; the message completes a sentence about it."""


_STANDARD = (b"", b"ai.onnx")
_CHILDREN: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
"""Which fields of ONNX's messages hold which messages that matter here."""
_NODE_DOMAIN, _EXTERNAL_DATA, _DATA_LOCATION = 7, 13, 14


def check_content(content: bytes) -> None:
    """Refuse ONNX files that need other code or other files.

    Raises:
        UnfitFile: the file has operators outside the standard, keeps data elsewhere, or is damaged.
    """
    todo: list[tuple[str, memoryview]] = [("model", memoryview(content))]
    try:
        while todo:
            kind, message = todo.pop()
            for number, value in _fields(message):
                if kind == "tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value == 1)):
                    raise UnfitFile("keeps data in other files")
                if isinstance(value, int):
                    continue
                if kind == "node" and number == _NODE_DOMAIN and bytes(value) not in _STANDARD:
                    domain = bytes(value).decode("ascii", "replace")
                    raise UnfitFile(f'needs operators outside the standard ("{domain}")')
                child = _CHILDREN.get(kind, {}).get(number)
                if child is not None:
                    todo.append((child, value))
    except (ValueError, IndexError) as error:
        raise UnfitFile("is damaged") from error


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Yield (number, value) of a protobuf message's fields; numbers of fixed width come as their bytes."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, position = _varint(message, position)
            yield number, value
            continue
        if wire == 2:
            length, position = _varint(message, position)
        else:
            length = {1: 8, 5: 4}.get(wire, -1)
        if length < 0 or position + length > len(message):
            raise ValueError("not a protobuf message")
        yield number, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError("not a protobuf message")
