"""Colour profiles of gray pictures that are written as colour.

Reference:
    International Color Consortium, Specification ICC.1:2022, 7 (format of profiles), 8.3 and 8.6 (matrix and gray).
"""

from __future__ import annotations

import struct

_HEADER_BYTES = 128
_ENTRY_BYTES = 12
_PRIMARIES = {
    b"rXYZ": (0x6FA2, 0x38F5, 0x0390),
    b"gXYZ": (0x6299, 0xB785, 0x18DA),
    b"bXYZ": (0x249B, 0x0F86, 0xB6C3),
}
"""Of sRGB, in 65536ths; the last is what the others leave of the white of all profiles, so that gray stays neutral."""
_CURVES = (b"rTRC", b"gTRC", b"bTRC")
_KEPT = (b"desc", b"cprt", b"wtpt", b"chad")


def colour_profile(gray_profile: bytes) -> bytes | None:
    """Return an RGB profile by which equal channels look as the gray that they are copies of.

    Returns:
        None where the profile is damaged or describes gray by other means than one curve.
    """
    elements = _elements(gray_profile)
    curve = elements.get(b"kTRC")
    if curve is None or gray_profile[20:24] != b"XYZ ":
        return None
    contents = {name: elements[name] for name in _KEPT if name in elements}
    contents |= {name: b"XYZ \0\0\0\0" + struct.pack(">3I", *value) for name, value in _PRIMARIES.items()}
    contents |= dict.fromkeys(_CURVES, curve)
    table, body = struct.pack(">I", len(contents)), b""
    start = _HEADER_BYTES + 4 + _ENTRY_BYTES * len(contents)
    for name, content in contents.items():
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = bytearray(gray_profile[:_HEADER_BYTES])
    header[:4] = struct.pack(">I", start + len(body))
    header[12:20] = b"mntrRGB "
    header[84:100] = bytes(16)  # a checksum of the original
    return bytes(header) + table + body


def _elements(profile: bytes) -> dict[bytes, bytes]:
    """Return the contents of a profile by name; nothing of one that is cut off."""
    try:
        (count,) = struct.unpack_from(">I", profile, _HEADER_BYTES)
        starts = range(_HEADER_BYTES + 4, min(len(profile), _HEADER_BYTES + 4 + _ENTRY_BYTES * count), _ENTRY_BYTES)
        entries = [struct.unpack_from(">4sII", profile, start) for start in starts]
    except struct.error:
        return {}
    is_whole = all(start + length <= len(profile) for _, start, length in entries)
    return {name: profile[start : start + length] for name, start, length in entries} if is_whole else {}
