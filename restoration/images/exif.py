"""EXIF directories entry by entry, byte for byte: texts of any encoding and odd values stay as the camera wrote them.

Reference:
    TIFF, Revision 6.0, Adobe, 1992, section 2; CIPA DC-008-2023, Exif 3.0, 4.6.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from PIL import Image

ByteOrder = Literal["<", ">"]
_PREFIX = b"Exif\0\0"
_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
_BIG_VALUE_BYTES = _VALUE_BYTES | {16: 8, 17: 8, 18: 8}
_MOST_ENTRIES = 4096
_ASCII, _LONG = 2, 4
DETAILS_TAG, INTEROP_TAG, PLACE_TAG = 0x8769, 0xA005, 0x8825


@dataclass(frozen=True)
class Entry:
    """One value of a directory.

    Args:
        kind: the TIFF type of its values.
        content: the values as bytes, in the byte order of the block.
    """

    kind: int
    count: int
    content: bytes

    def numbers(self, order: ByteOrder) -> tuple[int, ...]:
        """Return whole numbers, or nothing where the entry holds other values."""
        letter = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}.get(self.kind)
        return () if letter is None else struct.unpack(f"{order}{self.count}{letter}", self.content)


Directory = Mapping[int, Entry]


@dataclass(frozen=True)
class ExifBlock:
    """The directories of an EXIF block, without the pointers between them."""

    order: ByteOrder
    main: Directory
    details: Directory
    interop: Directory
    place: Directory

    @property
    def is_empty(self) -> bool:
        return not (self.main or self.details or self.interop or self.place)


def read_directory(data: bytes, offset: int, *, order: ByteOrder, is_big: bool = False) -> tuple[Directory, int]:
    """Return the entries of a directory and the offset of the next one, 0 for none.

    An entry of an unknown type, or that points outside the data, is left out alone; of two of one tag the first counts.

    Raises:
        ValueError: there is no directory at that offset.
    """
    count_format, value_format, inline_bytes, sizes = ("Q", "Q", 8, _BIG_VALUE_BYTES) if is_big else _CLASSIC
    entries: dict[int, Entry] = {}
    left_bytes = len(data)  # all entries of a sound file fit into it together; more would be the same bytes many times
    try:
        (count,) = struct.unpack_from(order + count_format, data, offset)
        position = offset + struct.calcsize(count_format)
        for _ in range(min(count, _MOST_ENTRIES)):
            tag, kind, values = struct.unpack_from(f"{order}HH{value_format}", data, position)
            field = position + 4 + inline_bytes
            position = field + inline_bytes
            size = sizes.get(kind, 0) * values
            start = field if size <= inline_bytes else struct.unpack_from(order + value_format, data, field)[0]
            if 0 < size <= left_bytes and start + size <= len(data) and tag not in entries:
                entries[tag] = Entry(kind, values, data[start : start + size])
                left_bytes -= size
        if count > _MOST_ENTRIES:
            return entries, 0
        (following,) = struct.unpack_from(order + value_format, data, position)
    except (struct.error, OverflowError) as error:
        if not entries:
            raise ValueError("no directory") from error
        following = 0
    return entries, int(following)


_CLASSIC = ("H", "I", 4, _VALUE_BYTES)


def read_block(raw: bytes) -> ExifBlock | None:
    """Return the directories of an EXIF block, with or without its prefix; None where it is none."""
    data = raw.removeprefix(_PREFIX)
    order = byte_order(data)
    if order is None:
        return None
    try:
        main, _ = read_directory(data, struct.unpack_from(order + "I", data, 4)[0], order=order)
    except (ValueError, struct.error):
        return None
    return linked_block(data, main, order=order)


def byte_order(data: bytes) -> ByteOrder | None:
    """Return the byte order that the first bytes of TIFF data name; None where they are none."""
    return "<" if data.startswith(b"II") else ">" if data.startswith(b"MM") else None


def linked_block(data: bytes, main: Directory, *, order: ByteOrder, is_big: bool = False) -> ExifBlock:
    """Return a main directory together with those that it points to."""

    def linked(directory: Directory, tag: int) -> Directory:
        numbers = directory[tag].numbers(order) if tag in directory else ()
        try:
            return read_directory(data, numbers[0], order=order, is_big=is_big)[0] if numbers else {}
        except ValueError:
            return {}

    details = linked(main, DETAILS_TAG)
    return ExifBlock(order, main, details, interop=linked(details, INTEROP_TAG), place=linked(main, PLACE_TAG))


def write_block(block: ExifBlock) -> bytes:
    """Return an EXIF block with its prefix."""
    mark = b"II*\0" if block.order == "<" else b"MM\0*"
    return _PREFIX + mark + struct.pack(block.order + "I", 8) + directory_bytes(block, offset=8)


def directory_bytes(block: ExifBlock, *, offset: int) -> bytes:
    """Return the main directory, to lie at that offset, followed by its values and the directories it points to."""
    main, details = dict(block.main), dict(block.details)
    if block.interop:
        details[INTEROP_TAG] = _pointer(0, block.order)
    for tag, directory in ((DETAILS_TAG, details), (PLACE_TAG, block.place)):
        if directory:
            main[tag] = _pointer(0, block.order)
    details_at = offset + _size(main)
    interop_at = details_at + (_size(details) if details else 0)
    place_at = interop_at + (_size(block.interop) if block.interop else 0)
    if block.interop:
        details[INTEROP_TAG] = _pointer(interop_at, block.order)
    if details:
        main[DETAILS_TAG] = _pointer(details_at, block.order)
    if block.place:
        main[PLACE_TAG] = _pointer(place_at, block.order)
    parts = ((main, offset), (details, details_at), (block.interop, interop_at), (block.place, place_at))
    return b"".join(_written(entries, start, order=block.order) for entries, start in parts if entries)


def _pointer(offset: int, order: ByteOrder) -> Entry:
    return Entry(_LONG, 1, struct.pack(order + "I", offset))


def _size(directory: Directory) -> int:
    outside = (len(entry.content) for entry in directory.values() if len(entry.content) > 4)
    return 2 + 12 * len(directory) + 4 + sum(size + size % 2 for size in outside)


def _written(directory: Directory, offset: int, *, order: ByteOrder) -> bytes:
    table, body = struct.pack(order + "H", len(directory)), b""
    body_at = offset + 2 + 12 * len(directory) + 4
    for tag, entry in sorted(directory.items()):
        table += struct.pack(order + "HHI", tag, entry.kind, entry.count)
        if len(entry.content) <= 4:
            table += entry.content.ljust(4, b"\0")
        else:
            table += struct.pack(order + "I", body_at + len(body))
            body += entry.content + bytes(len(entry.content) % 2)
    return table + bytes(4) + body


def shrunk(block: ExifBlock, *, most_bytes: int) -> ExifBlock:
    """Return a block that takes at most so many bytes, its largest values left out."""
    while not block.is_empty and len(write_block(block)) > most_bytes:
        directories = (block.main, block.details, block.interop, block.place)
        largest = max((entry for each in directories for entry in each.values()), key=lambda entry: len(entry.content))
        main, details, interop, place = (
            {tag: entry for tag, entry in each.items() if entry is not largest} for each in directories
        )
        block = ExifBlock(block.order, main, details, interop, place)
    return block


def block_of_pillow(exif: Image.Exif) -> ExifBlock | None:
    """Return what Pillow has decoded, value by value, so that one that cannot be written costs only itself."""
    order: ByteOrder = ">" if exif.endian == ">" else "<"

    def entries(values: Mapping[int, object]) -> Directory:
        found = ((tag, _entry_of(tag, value, order=order)) for tag, value in values.items())
        return {tag: entry for tag, entry in found if entry is not None}

    def linked(tag: int) -> Directory:
        try:
            return entries(exif.get_ifd(tag))
        except Exception:  # Pillow raises a dozen types for directories that cannot be parsed
            return {}

    main = {tag: exif.get(tag) for tag in exif if tag not in (DETAILS_TAG, PLACE_TAG)}
    block = ExifBlock(order, entries(main), linked(DETAILS_TAG), linked(INTEROP_TAG), linked(PLACE_TAG))
    return None if block.is_empty else block


def _entry_of(tag: int, value: object, *, order: ByteOrder) -> Entry | None:
    if isinstance(value, str):  # Pillow decodes texts as Latin-1, whatever they are, and writes others as "?"
        content = value.encode("latin-1", errors="replace") + b"\0"
        return Entry(_ASCII, len(content), content)
    alone = Image.Exif()
    alone.endian = order
    try:
        alone[tag] = value
        block = read_block(alone.tobytes())
    except Exception:  # as above
        return None
    return None if block is None else block.main.get(tag)


def with_directory(tiff: io.BytesIO, block: ExifBlock) -> None:
    """Add the entries of a block to the first directory of a classic TIFF file of the same byte order."""
    data = tiff.getbuffer()
    (first,) = struct.unpack(block.order + "I", data[4:8])
    layout, _ = read_directory(bytes(data), first, order=block.order)
    del data  # a stream whose buffer is held cannot grow
    end = tiff.seek(0, io.SEEK_END)
    tiff.write(bytes(end % 2) + directory_bytes(replace(block, main={**block.main, **layout}), offset=end + end % 2))
    tiff.seek(4)
    tiff.write(struct.pack(block.order + "I", end + end % 2))
