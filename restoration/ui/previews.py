"""What the browser shows of a picture; never what the user downloads."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from restoration.arrays import Mask
from restoration.images import MOST_FRAMES, ImageHeader, preview_bytes, probe
from restoration.service.uploads import Uploads
from restoration.types import RestoreResult

_MAX_SIDE_PX = 2048
_MAX_EDITOR_SIDE_PX = 1280
_SHOWN_BY_BROWSERS = frozenset({"PNG", "JPEG", "WEBP", "GIF", "BMP", "AVIF"})
_MASK_COLOUR = (225, 29, 72)


def caption_of(path: str) -> str:
    """Return one line about a file from its header: "4000x3000 px, HEIC, 16 bits"."""
    header = probe(path)
    parts = [f"{header.width} × {header.height} px", _format_name(header)]
    if header.bit_depth == 16:
        parts.append("16 bits")
    if header.is_gray:
        parts.append("gray")
    if header.has_alpha:
        parts.append("with transparency")
    if header.frames > 1:
        parts.append(f"first of {header.frames} {'or more ' if header.frames == MOST_FRAMES else ''}frames")
    return ", ".join(parts)


def browser_preview(uploads: Uploads, path: str) -> bytes | None:
    """Return a preview of a file that browsers cannot show, or None where they can."""
    if probe(path).format in _SHOWN_BY_BROWSERS:
        return None
    return _preview_of(uploads, path, max_side_px=_MAX_SIDE_PX)


def editor_preview(uploads: Uploads, path: str) -> Image.Image:
    """Return an upright 8-bit picture to paint a mask on."""
    return _open(_preview_of(uploads, path, max_side_px=_MAX_EDITOR_SIDE_PX)).convert("RGB")


def before_and_after(result: RestoreResult) -> tuple[bytes, bytes]:
    """Return two previews of equal size: the original, enlarged like the result, and the result.

    Where the result is shown without transparency, as large ones are, so is the original.
    """
    after = preview_bytes(result.picture, max_side_px=_MAX_SIDE_PX)
    before = preview_bytes(result.original, max_side_px=_MAX_SIDE_PX)
    shown, original = _open(after), _open(before)
    is_flattened = original.mode == "RGBA" and shown.mode == "RGB"
    if original.size == shown.size and not is_flattened:
        return before, after
    original = original.resize(shown.size, Image.Resampling.BICUBIC)
    if is_flattened:
        original = Image.alpha_composite(Image.new("RGBA", original.size, "white"), original).convert("RGB")
    return png(original), after


def small_original(uploads: Uploads, path: str, *, size: tuple[int, int]) -> bytes:
    """Return the original as a JPEG file of that size, to lie beside a run's preview."""
    return jpeg(_open(_preview_of(uploads, path, max_side_px=max(size))).convert("RGB").resize(size))


def jpeg(image: Image.Image) -> bytes:
    """Return the bytes of a JPEG file, for pictures that are shown for a moment."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=88)
    return stream.getvalue()


def veiled(picture: Image.Image, mask: Mask) -> Image.Image:
    """Return a preview with a coloured veil where the mask of the original is set."""
    veil = Image.fromarray(mask.astype(np.uint8) * 160).resize(picture.size, Image.Resampling.BILINEAR)
    return Image.composite(Image.new("RGB", picture.size, _MASK_COLOUR), picture, veil)


def png(image: Image.Image) -> bytes:
    """Return the bytes of a PNG file."""
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def original_size(path: str) -> tuple[int, int]:
    """Return (width, height) of the upright picture."""
    header = probe(path)
    return header.width, header.height


def stem_of(path: str) -> str:
    """Return the name of a file without its ending, for the name of the result."""
    return Path(path).stem or "picture"


def _preview_of(uploads: Uploads, path: str, *, max_side_px: int) -> bytes:
    return preview_bytes(uploads.small(path, max_side_px=max_side_px), max_side_px=max_side_px)


def _format_name(header: ImageHeader) -> str:
    return {"HEIF": "HEIC", "WEBP": "WebP"}.get(header.format, header.format)


def _open(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))
