"""How many pictures a file holds, and which of them is meant."""

from __future__ import annotations

from PIL import Image

from restoration.images.gif import count_gif_frames
from restoration.images.tiff import MOST_FRAMES

_MP_ENTRY, _LARGE_THUMBNAILS = 0xB002, ("Large Thumbnail (VGA Equivalent)", "Large Thumbnail (Full HD Equivalent)")


def count_frames(image: Image.Image, data: bytes | None = None) -> int:
    """Return how many pictures a file holds; counting ends at 1000.

    Args:
        data: the bytes of the file; None where only Pillow knows them. Pillow walks through all frames of a GIF file,
            which may be millions.
    """
    if data is not None and image.format == "GIF":
        count = count_gif_frames(data, most=MOST_FRAMES)
    else:
        count = getattr(image, "n_frames", 1)
    return max(1, min(count, MOST_FRAMES))


def seek_picture(image: Image.Image) -> str:
    """Go to the picture of a JPEG file that holds several, where a thumbnail comes first; return a note, or "".

    Reference:
        CIPA DC-007-2021, Multi-Picture Format, 5.2.3.3.
    """
    entries = getattr(image, "mpinfo", {}).get(_MP_ENTRY, []) if image.format == "MPO" else []
    kinds = [entry.get("Attribute", {}).get("MPType") for entry in entries]
    if not kinds or kinds[0] not in _LARGE_THUMBNAILS:
        return ""
    chosen = next((at for at, kind in enumerate(kinds) if kind == "Baseline MP Primary Image"), 0)
    image.seek(chosen)
    return "The file begins with a thumbnail; its full picture was taken." if chosen else ""
