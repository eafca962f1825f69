"""XMP without what no longer holds: the place, unless asked for, the way up, the size and small pictures of before.

Reference:
    ISO 16684-1:2019, XMP; CIPA DC-010-2020, Exif metadata for XMP.
"""

from __future__ import annotations

import re

_MOST_BYTES = 1_000_000
_SPENT = rb"Orientation|ImageWidth|ImageLength|PixelXDimension|PixelYDimension|Thumbnails|HasExtendedXMP"
_PLACE = (
    rb"GPS\w*|Gps\w*|Latitude|Longitude|Location|LocationCreated|LocationShown|Sublocation|"
    rb"City|State|Country|CountryCode|CountryName|ProvinceState|WorldRegion"
)
_SIGN_OF_PLACE = re.compile(rb":gps|latitude|longitude", re.IGNORECASE)


def kept_xmp(xmp: object, *, keep_gps: bool) -> bytes | None:
    """Return an XMP packet without its spent entries and, unless asked for, the place; the other bytes as they are.

    Returns:
        None where there is no packet, or one of which it is not certain that the place can be taken out.
    """
    packet = xmp.encode() if isinstance(xmp, str) else xmp
    if not isinstance(packet, bytes) or not packet.strip(b"\0 ") or len(packet) > _MOST_BYTES:
        return None
    packet = packet.rstrip(b"\0")
    if b"<" not in packet or b"\0" in packet or b"<!" in packet.replace(b"<!--", b""):
        return None  # another encoding than UTF-8, or entities, which can hide any text
    kept = _without(packet, _SPENT)
    if kept is None or keep_gps:
        return kept
    kept = _without(kept, _PLACE)
    return None if kept is None or _SIGN_OF_PLACE.search(kept) else kept


def _without(packet: bytes, names: bytes) -> bytes | None:
    """Return a packet without the attributes and elements of those local names; None where one of them has no end."""
    name = rb"[\w.-]+:(?:" + names + rb")"
    packet = re.sub(rb"(?<!\s)\s++" + name + rb"""\s*=\s*(?:"[^"]*"|'[^']*')""", b"", packet)
    opening = re.compile(rb"<(" + name + rb")(?:\s[^<>]*)?>")
    kept, position = [], 0
    while (found := opening.search(packet, position)) is not None:
        end = found.end()
        if packet[end - 2 : end] != b"/>":
            closing = packet.find(b"</" + found[1], end)
            end = 0 if closing < 0 else packet.find(b">", closing) + 1
        if end == 0:
            return None
        kept.append(packet[position : found.start()])
        position = end
    return b"".join((*kept, packet[position:]))
