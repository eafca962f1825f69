"""What is said beside the pixels: which of it survives, and which way up the picture is."""

from __future__ import annotations

from PIL import ExifTags, Image

_KEPT_TAGS = frozenset(
    {
        ExifTags.Base.ImageDescription,
        ExifTags.Base.Make,
        ExifTags.Base.Model,
        ExifTags.Base.Software,
        ExifTags.Base.DateTime,
        ExifTags.Base.Artist,
        ExifTags.Base.HostComputer,
        ExifTags.Base.Rating,
        ExifTags.Base.Copyright,
    }
)
_SIZE_TAGS = (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)
"""Of the original; the result may have another size."""


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where there is none, or a senseless one."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # EXIF that cannot be parsed says nothing about the orientation
        return 1
    return value if value in range(1, 9) else 1


def kept_exif(image: Image.Image, *, keep_gps: bool) -> bytes | None:
    """Return what EXIF says of camera, time, author and, if asked for, the place.

    Nothing else is kept: the orientation is applied already, and a TIFF file mixes the layout of its samples, XMP and
    Photoshop's blocks in, which may name the place, too, or hold a small picture of the original.
    """
    try:
        exif, kept = image.getexif(), Image.Exif()  # what Pillow gives belongs to the picture, and is left as it is
        kept.endian = exif.endian
        for tag in set(exif) & _KEPT_TAGS:
            kept[tag] = exif[tag]
        details = {tag: value for tag, value in exif.get_ifd(ExifTags.IFD.Exif).items() if tag not in _SIZE_TAGS}
        if ExifTags.IFD.Interop in details:
            details[ExifTags.IFD.Interop] = exif.get_ifd(ExifTags.IFD.Interop)
        place = dict(exif.get_ifd(ExifTags.IFD.GPSInfo)) if keep_gps else {}
        for folder, entries in ((ExifTags.IFD.Exif, details), (ExifTags.IFD.GPSInfo, place)):
            if entries:
                kept[folder] = entries
        return kept.tobytes() if len(kept) else None
    except Exception:  # EXIF that cannot be parsed cannot be kept; the picture matters more
        return None


def kept_dpi(image: Image.Image) -> tuple[float, float] | None:
    """Return the pixels per inch across and down, or None where they are absent or senseless."""
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 <= across <= 10_000 and 1 <= down <= 10_000 else None


def kept_profile(image: Image.Image, *, is_gray: bool) -> bytes | None:
    """Return the ICC profile where it fits the picture's colour space."""
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or len(profile) < 128:
        return None
    return profile if profile[16:20] == (b"GRAY" if is_gray else b"RGB ") else None
