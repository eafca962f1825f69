"""Colour profiles: of gray pictures that are written as colour, and of colours that a file names by numbers.

Reference:
    International Color Consortium, Specification ICC.1:2022, 7 (format of profiles), 8.3 and 8.6 (matrix and gray),
    9.2.17 (cicp).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

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


SRGB_CURVE = b"para\0\0\0\0\0\3\0\0" + struct.pack(
    ">5i", *(round(65536 * value) for value in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
)
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def gamma_curve(gamma: float) -> bytes:
    """Return the curve by which light is the sample to that power."""
    return b"para\0\0\0\0\0\0\0\0" + struct.pack(">i", round(65536 * gamma))


def table_curve(light: npt.NDArray[np.float64]) -> bytes:
    """Return a curve through light in [0, 1] at evenly spaced samples."""
    return b"curv\0\0\0\0" + struct.pack(">I", len(light)) + np.rint(65535 * light).astype(">u2").tobytes()


def named_profile(
    chromaticities: Sequence[float],
    curve: bytes,
    *,
    name: str,
    codes: tuple[int, int] | None = None,
    is_gray: bool = False,
) -> bytes | None:
    """Return a profile of version 4.4 of primaries and one curve.

    Args:
        chromaticities: x and y of white, red, green and blue.
        codes: numbers of primaries and transfer function (ITU-T H.273), which the profile names as well.

    Returns:
        None where the primaries span no colours.
    """
    columns = _adapted_primaries(chromaticities)
    if columns is None:
        return None
    contents = {
        b"desc": _text(name),
        b"cprt": _text("No copyright"),
        b"wtpt": _xyz(_D50),
        **({b"kTRC": curve} if is_gray else dict.fromkeys(_CURVES, curve)),
    }
    if not is_gray:
        contents |= {tag: _xyz(columns[:, at]) for at, tag in enumerate(_PRIMARIES)}
    if codes is not None:
        contents[b"cicp"] = b"cicp\0\0\0\0" + bytes((*codes, 0, 1))
    table, body = struct.pack(">I", len(contents)), b""
    start = _HEADER_BYTES + 4 + _ENTRY_BYTES * len(contents)
    for tag, content in contents.items():
        table += struct.pack(">4sII", tag, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    space = b"GRAY" if is_gray else b"RGB "
    header = struct.pack(">I4xI", start + len(body), 0x04400000) + b"mntr" + space + b"XYZ "
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _xyz(_D50)[8:]
    return header.ljust(_HEADER_BYTES, b"\0") + table + body


def codes_of(profile: bytes | None) -> tuple[int, int] | None:
    """Return the numbers of primaries and transfer function that a profile names, or None."""
    content = _elements(profile).get(b"cicp", b"") if profile is not None else b""
    return (content[8], content[9]) if len(content) >= 12 else None


def _adapted_primaries(chromaticities: Sequence[float]) -> npt.NDArray[np.float64] | None:
    """Return XYZ of red, green and blue as columns, adapted to D50 (Bradford)."""
    points = np.array(chromaticities, dtype=np.float64).reshape(4, 2)
    if (points[:, 1] <= 0).any():
        return None
    white, *corners = [np.array([x / y, 1, (1 - x - y) / y]) for x, y in points]
    columns = np.stack(corners, axis=1)
    if abs(np.linalg.det(columns)) < 1e-3:
        return None
    columns = columns * np.linalg.solve(columns, white)
    scale = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adapted: npt.NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ (scale[:, None] * _BRADFORD) @ columns
    return adapted


def _xyz(values: npt.NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(65536 * float(value)) for value in values))


def _text(words: str) -> bytes:
    encoded = words.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", len(encoded), 28) + encoded
