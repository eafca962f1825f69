"""How large files and pictures may be."""

from __future__ import annotations

from pathlib import Path

from restoration.errors import CorruptImage, ImageTooLarge, InvalidImage

MAX_PIXELS = 25_000_000
MAX_PIXELS_TO_FIT = 64_000_000
"""Of a picture that is only looked at, or shrunk before anything else is done."""
MAX_SIDE_PX = 16_384
MAX_SIDE_TO_FIT_PX = 500_000
MAX_FILE_BYTES = 64 * 1024 * 1024


def file_bytes(source: bytes | str | Path) -> bytes:
    """Return the bytes of a file, refusing absent, empty and huge ones."""
    if isinstance(source, bytes):
        data = source
    else:
        path = Path(source)
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise _too_many_bytes(path.stat().st_size)
            data = path.read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            raise InvalidImage(f'The file "{path.name}" cannot be read; check that it exists and is a file.') from error
    if not data:
        raise CorruptImage("The file is empty; upload it again.")
    if len(data) > MAX_FILE_BYTES:
        raise _too_many_bytes(len(data))
    return data


def _too_many_bytes(size: int) -> ImageTooLarge:
    limit = MAX_FILE_BYTES // 1024**2
    return ImageTooLarge(
        f"A file may have at most {limit} MB but this one has {size / 1024**2:.0f} MB; save it smaller first.",
        limit=MAX_FILE_BYTES,
    )


def check_size(width: int, height: int, *, max_pixels: int, max_side_px: int = MAX_SIDE_PX) -> None:
    """Check that a picture has pixels, and not too many.

    Raises:
        CorruptImage: it has none.
        ImageTooLarge: more than `max_pixels`, or a side above `max_side_px`.
    """
    if width < 1 or height < 1:
        raise CorruptImage("The picture has no pixels; upload another one.")
    if max(width, height) > max_side_px:
        raise ImageTooLarge(
            f"A side may have at most {max_side_px} px but the picture has {width}x{height} px; shrink it first.",
            limit=max_side_px,
        )
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"A picture may have at most {max_pixels / 1e6:g} megapixels but this one has {width}x{height} px "
            f"({width * height / 1e6:.6g} megapixels); shrink it first.",
            limit=max_pixels,
        )


def damaged(name: str) -> str:
    """Return the message about a file of that format that cannot be decoded."""
    return f"The {name} file is damaged or cut off; upload it again or save it anew."
