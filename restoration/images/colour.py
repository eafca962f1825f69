"""Colours that a file names by numbers instead of a profile: they become a profile, so that every format keeps them.

Reference:
    ITU-T H.273, 2024, 8.1 and 8.2 (primaries, transfer functions); ITU-R BT.2100 (PQ, HLG), BT.2408 (203 cd/m2);
    CIPA DC-008-2023, Exif 3.0 (ColorSpace) and DCF 2.0 (R03: Adobe RGB).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from restoration.images import isobmff, png
from restoration.images.exif import ExifBlock
from restoration.images.gamma import gamma_of
from restoration.images.profiles import SRGB_CURVE, gamma_curve, named_profile, table_curve
from restoration.images.tiff import TiffFile

Chromaticities = tuple[float, float, float, float, float, float, float, float]
"""x and y of white, red, green and blue."""
_D65, _C, _DCI = (0.3127, 0.3290), (0.310, 0.316), (0.314, 0.351)
_SRGB: Chromaticities = (*_D65, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060)
_ADOBE_RGB: Chromaticities = (*_D65, 0.640, 0.330, 0.210, 0.710, 0.150, 0.060)
_PRIMARIES: dict[int, Chromaticities] = {
    1: _SRGB,
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (*_DCI, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
_PQ, _HLG = 16, 18
_UNSPECIFIED = (2, 2)
_ADOBE_GAMMA = 563 / 256
_WHITE_OF_PQ, _WHITE_OF_HLG = 203 / 10_000, 0.75
_TABLE_ENTRIES = 4096
_LEAST_DIFFERENCE = 0.002
_TIFF_WHITE, _TIFF_PRIMARIES, _TIFF_GAMMA = 318, 319, 2.2


def profile_of_named_colour(
    image: Image.Image | None, tiff: TiffFile | None, data: bytes | None, block: ExifBlock | None, *, is_gray: bool
) -> bytes | None:
    """Return a profile of the colours that a file without one names: cICP, nclx, cHRM, TIFF's or EXIF's own.

    Returns:
        None where it names sRGB, or nothing.
    """
    if data is not None and (codes := _codes(data)) is not None:
        return _profile_of_codes(*codes, is_gray=is_gray)
    if is_gray:
        return None  # of one channel there is only a curve, and a gamma is applied elsewhere
    if tiff is not None and (named := _of_tiff(tiff)) is not None:
        return None if _is_srgb(named) else named_profile(named, gamma_curve(_TIFF_GAMMA), name="TIFF colour space")
    info = {} if image is None else image.info
    if "srgb" in info:
        return None
    if image is not None and len(info.get("chromaticity", ())) == 8 and not _is_srgb(info["chromaticity"]):
        gamma = gamma_of(image)
        curve = SRGB_CURVE if gamma is None else gamma_curve(1 / gamma)
        return named_profile(info["chromaticity"], curve, name="PNG colour space")
    if block is not None and _names_adobe_rgb(block):
        return named_profile(_ADOBE_RGB, gamma_curve(_ADOBE_GAMMA), name="Compatible with Adobe RGB (1998)")
    return None


def overrules_profile(data: bytes | None) -> bool:
    """Tell whether the colours named by numbers count more than a profile in the same file: `cICP` of PNG."""
    return data is not None and data.startswith(png.SIGNATURE) and _codes(data) is not None


def _codes(data: bytes) -> tuple[int, int] | None:
    if data.startswith(png.SIGNATURE):
        codes = png.named_colour(data)
    else:
        codes = isobmff.named_colour(data) if isobmff.is_isobmff(data) else None
    return None if codes == _UNSPECIFIED else codes


def _profile_of_codes(primaries: int, transfer: int, *, is_gray: bool) -> bytes | None:
    """Return a profile of numbers of ITU-T H.273; the curves of television count as that of sRGB, as in browsers."""
    chromaticities = _SRGB if is_gray else _PRIMARIES.get(primaries, _SRGB)
    if transfer in (_PQ, _HLG):
        curve = table_curve(_light_table(_light_of_pq if transfer == _PQ else _light_of_hlg))
    elif transfer in _GAMMAS:
        curve = gamma_curve(_GAMMAS[transfer])
    elif _is_srgb(chromaticities):
        return None
    else:
        curve = SRGB_CURVE
    return named_profile(
        chromaticities, curve, name=f"CICP {primaries}/{transfer}", codes=(primaries, transfer), is_gray=is_gray
    )


def _light_table(light_of: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    return np.clip(light_of(np.linspace(0, 1, _TABLE_ENTRIES)), 0, 1)


def _light_of_pq(signal: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return light relative to the white of a page, 203 cd/m2; what is brighter shows as white in plain viewers."""
    power = signal ** (32 / 2523)
    return (np.maximum(power - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * power)) ** (8192 / 1305) / _WHITE_OF_PQ


def _light_of_hlg(signal: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return light relative to the white of a page, 75 % of the signal, on a screen of 1000 cd/m2."""

    def scene(values: npt.NDArray[np.float64] | float) -> npt.NDArray[np.float64]:
        values = np.asarray(values)
        return np.where(values <= 0.5, values**2 / 3, (np.exp((values - 0.55991073) / 0.17883277) + 0.28466892) / 12)

    return (scene(signal) / scene(_WHITE_OF_HLG)) ** 1.2


def _is_srgb(chromaticities: Chromaticities) -> bool:
    return all(abs(said - usual) < _LEAST_DIFFERENCE for said, usual in zip(chromaticities, _SRGB, strict=True))


def _of_tiff(tiff: TiffFile) -> Chromaticities | None:
    values: list[float] = []
    for tag, count in ((_TIFF_WHITE, 2), (_TIFF_PRIMARIES, 6)):
        entry = tiff.page.entries.get(tag)
        if entry is None or entry.kind != 5 or entry.count != count:
            return None
        numbers = np.frombuffer(entry.content, tiff.page.order + "u4").astype(np.float64).reshape(-1, 2)
        if not numbers[:, 1].all():
            return None
        values.extend(numbers[:, 0] / numbers[:, 1])
    white_x, white_y, *rest = values
    return (white_x, white_y, *rest)  # type: ignore[return-value]


def _names_adobe_rgb(block: ExifBlock) -> bool:
    space = block.details.get(ExifTags.Base.ColorSpace)
    index = block.interop.get(1)
    code = next(iter(space.numbers(block.order)), 0) if space is not None else 0
    return code == 2 or (code in (0, 65535) and index is not None and index.content.startswith(b"R03"))
