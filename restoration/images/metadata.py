"""What is said beside the pixels: which of it survives, and which way up the picture is."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from PIL import ExifTags, Image

from restoration.images.exif import (
    INTEROP_TAG,
    Directory,
    ExifBlock,
    block_of_pillow,
    linked_block,
    read_block,
    write_block,
)
from restoration.images.tiff import TiffFile

_KEPT_TAGS = frozenset(
    {
        ExifTags.Base.DocumentName,
        ExifTags.Base.ImageDescription,
        ExifTags.Base.Make,
        ExifTags.Base.Model,
        ExifTags.Base.PageName,
        ExifTags.Base.Software,
        ExifTags.Base.DateTime,
        ExifTags.Base.Artist,
        ExifTags.Base.HostComputer,
        ExifTags.Base.Rating,
        ExifTags.Base.RatingPercent,
        ExifTags.Base.Copyright,
        ExifTags.Base.XPTitle,
        ExifTags.Base.XPComment,
        ExifTags.Base.XPAuthor,
        ExifTags.Base.XPKeywords,
        ExifTags.Base.XPSubject,
    }
)
_SIZE_TAGS = (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)
"""Of the original; the result may have another size."""
_OLD_KINDS = range(1, 14)
"""Types of values that classic TIFF, and so EXIF, knows."""
_RESOLUTION_TAGS, _UNIT_TAG, _PROFILE_TAG, _XMP_TAG = (282, 283), 296, 34675, 700
_PER_INCH = {2: 1.0, 3: 2.54}


def orientation_of(image: Image.Image | None) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where there is none, or a senseless one."""
    if image is None:
        return 1
    block = _raw_block(image)
    entry = None if block is None else block.main.get(ExifTags.Base.Orientation)
    if block is not None and entry is not None:
        value = next(iter(entry.numbers(block.order)), 1)
    else:
        try:
            value = image.getexif().get(ExifTags.Base.Orientation, 1)  # also from XMP
        except Exception:  # EXIF that cannot be parsed says nothing about the orientation
            return 1
    return value if value in range(1, 9) else 1


def exif_block(image: Image.Image | None, tiff: TiffFile | None) -> ExifBlock | None:
    """Return all EXIF of a file, or of a PIL image; None where there is none."""
    if tiff is not None:
        main = {**tiff.page.entries, **tiff.main}
        return linked_block(tiff.data, main, order=tiff.page.order, is_big=tiff.is_big)
    if image is None:
        return None
    try:
        return _raw_block(image) or block_of_pillow(image.getexif())
    except Exception:  # EXIF that cannot be parsed cannot be kept; the picture matters more
        return None


def _raw_block(image: Image.Image) -> ExifBlock | None:
    raw = image.info.get("exif")
    if isinstance(raw, bytes):
        return read_block(raw)
    text = image.info.get("Raw profile type exif")  # as older ImageMagick writes it into PNG files
    if not isinstance(text, str):
        return None
    try:
        return read_block(bytes.fromhex("".join(text.split("\n")[3:])))
    except ValueError:
        return None


def kept_exif(block: ExifBlock | None, *, keep_gps: bool) -> bytes | None:
    """Return what EXIF says of camera, time, author and, if asked for, the place; its bytes as they are.

    Nothing else is kept: the orientation is applied already, and a TIFF file mixes the layout of its samples and
    Photoshop's blocks in, which may name the place, too, or hold a small picture of the original.
    """
    if block is None:
        return None
    details = {tag: entry for tag, entry in _old(block.details).items() if tag not in _SIZE_TAGS and tag != INTEROP_TAG}
    kept = ExifBlock(
        order=block.order,
        main={tag: entry for tag, entry in _old(block.main).items() if tag in _KEPT_TAGS},
        details=details,
        interop=_old(block.interop),
        place=_old(block.place) if keep_gps else {},
    )
    return None if kept.is_empty else write_block(kept)


def _old(directory: Directory) -> Directory:
    return {tag: entry for tag, entry in directory.items() if entry.kind in _OLD_KINDS or entry.kind == 129}


@dataclass(frozen=True)
class Said:
    """What a file says in its own words beside EXIF.

    Args:
        profile: the bytes of an ICC profile, of any colour space.
        dpi: pixels per inch across and down; None where absent or senseless.
    """

    profile: bytes | None
    xmp: bytes | str | None
    dpi: tuple[float, float] | None


def said_beside(image: Image.Image | None, tiff: TiffFile | None) -> Said:
    """Return profile, XMP and resolution of a file, or of a PIL image."""
    if tiff is not None:
        entries = tiff.page.entries
        profile, xmp = (entries[tag].content if tag in entries else None for tag in (_PROFILE_TAG, _XMP_TAG))
        if xmp is None and _XMP_TAG in tiff.main:
            xmp = tiff.main[_XMP_TAG].content
        return Said(profile, xmp, _tiff_dpi(tiff))
    info = {} if image is None else image.info
    profile, xmp = info.get("icc_profile"), info.get("xmp")
    try:
        across, down = (float(value) for value in info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return Said(profile, xmp, None)
    return Said(profile, xmp, _sensible(across, down))


def _tiff_dpi(tiff: TiffFile) -> tuple[float, float] | None:
    unit = _PER_INCH.get(tiff.page.number(_UNIT_TAG, 2))
    found = []
    for tag in _RESOLUTION_TAGS:
        entry = tiff.page.entries.get(tag)
        if unit is None or entry is None or entry.kind != 5:
            return None
        over, under = struct.unpack_from(tiff.page.order + "II", entry.content)
        found.append(unit * over / under if under else 0.0)
    across, down = found if tiff.orientation < 5 else found[::-1]
    return _sensible(across, down)


def _sensible(across: float, down: float) -> tuple[float, float] | None:
    return (across, down) if 1 <= across <= 10_000 and 1 <= down <= 10_000 else None


def fitting_profile(profile: object, *, is_gray: bool) -> bytes | None:
    """Return an ICC profile where it fits the picture's colour space."""
    if not isinstance(profile, bytes) or len(profile) < 128:
        return None
    return profile if profile[16:20] == (b"GRAY" if is_gray else b"RGB ") else None
