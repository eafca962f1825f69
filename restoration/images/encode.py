"""From a `Picture` to a file, without loss of depth, alpha, EXIF or colour profile where the format can hold them."""

from __future__ import annotations

import errno
import io
import os
import struct
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from restoration.errors import InvalidRequest
from restoration.images.alpha import flatten
from restoration.images.exif import read_block, shrunk, with_directory, write_block
from restoration.images.picture import Picture, gray_of
from restoration.images.png import SIGNATURE, chunk
from restoration.images.profiles import codes_of, colour_profile
from restoration.images.shrink import shrink_to_side

FileFormat = Literal["PNG", "TIFF", "WEBP", "JPEG"]

SUFFIXES: dict[str, FileFormat] = {
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
}
_JPEG_QUALITY = 95
_PNG_LEVEL = 1  # of a photograph: 10 % larger than level 4, in a third of the time
_PART_BYTES = 400_000
_LARGEST_PNG_PROFILE_BYTES = 2**20
_LARGEST_PNG_PREVIEW_PIXELS = 2_500_000
_TIFF_ICC_TAG, _TIFF_XMP_TAG = 34675, 700
_LARGEST_SIDE_PX: dict[FileFormat, int] = {"WEBP": 16383, "JPEG": 65500}
_LARGEST_JPEG_EXIF_BYTES, _LARGEST_JPEG_XMP_BYTES = 65_533 - 6, 65_533 - 29


def lossless_format(picture: Picture) -> FileFormat:
    """Return the picture's own format where that has a lossless form and holds so large a picture, else PNG.

    A colour profile that Pillow, and so many a program, refuses in a PNG file goes into TIFF.
    """
    if picture.format == "TIFF" or len(picture.icc_profile or b"") > _LARGEST_PNG_PROFILE_BYTES:
        return "TIFF"
    fits = max(picture.width, picture.height) <= _LARGEST_SIDE_PX["WEBP"]
    return "WEBP" if picture.format == "WEBP" and fits else "PNG"


def format_of(path: str | os.PathLike[str]) -> FileFormat:
    """Return the format that a file name's ending stands for.

    Raises:
        InvalidRequest: no format that we write has this ending.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        shown = f'"{suffix}"' if suffix else "no ending"
        raise InvalidRequest(f"The output file has {shown}; name it with one of {', '.join(SUFFIXES)}.")
    return SUFFIXES[suffix]


def write(picture: Picture, path: str | os.PathLike[str], *, description: str | None = None) -> Path:
    """Write a picture in the format of the path's ending; the file appears whole or not at all.

    Args:
        description: text stored in the file (PNG only).

    Raises:
        InvalidRequest: the ending is unknown, or the folder cannot be written.
    """
    target = Path(path)
    content = encode(picture, format_of(target), description=description)
    partial: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".", suffix=".partial", delete=False) as file:
            partial = Path(file.name)
            file.write(content)
        partial.chmod(0o666 & ~_umask())
        partial.replace(target)
    except OSError as error:
        if partial is not None:
            partial.unlink(missing_ok=True)
        cure = "make room" if error.errno == errno.ENOSPC else "choose another folder"
        raise InvalidRequest(f'"{target}" cannot be written ({error.strerror}); {cure}.') from error
    return target


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def encode(picture: Picture, file_format: FileFormat, *, description: str | None = None) -> bytes:
    """Return the bytes of a picture file.

    PNG, TIFF and WEBP are lossless; WEBP and JPEG hold 8 bits. JPEG is written with quality 95 and full colour
    resolution, transparent parts on white. Of EXIF that exceeds the 64 kB that JPEG holds, the largest values are left
    out; XMP above that wholly.

    Raises:
        InvalidRequest: the picture is wider or higher than the format can hold.

    Args:
        description: text stored in the file (PNG only).
    """
    check_side(file_format, width=picture.width, height=picture.height)
    if file_format == "PNG":
        return _png(picture, description)
    if file_format == "TIFF":
        return _tiff(picture)
    if file_format == "WEBP":
        return _webp(picture)
    return _jpeg(picture)


def check_side(file_format: FileFormat, *, width: int, height: int) -> None:
    """Check that a format holds a result of that size.

    Raises:
        InvalidRequest: it does not.
    """
    largest_px = _LARGEST_SIDE_PX.get(file_format)
    if largest_px is not None and max(width, height) > largest_px:
        raise InvalidRequest(
            f"{file_format} files hold at most {largest_px} px a side but the result has {width}x{height} px; "
            "choose PNG or TIFF."
        )


def preview_bytes(picture: Picture, *, max_side_px: int = 2048) -> bytes:
    """Return an 8-bit file for a browser: PNG while small, else JPEG, shrunk to `max_side_px` on the longer side."""
    small = shrink_to_side(picture, max_side_px=max_side_px)
    if small.width * small.height <= _LARGEST_PNG_PREVIEW_PIXELS:
        stream = io.BytesIO()
        image = Image.fromarray(small.to_array(bit_depth=8))
        image.save(stream, "PNG", compress_level=1, icc_profile=small.icc_profile)
        return stream.getvalue()
    return _jpeg(small)


def _png(picture: Picture, description: str | None) -> bytes:
    """Write PNG from its chunks: no library writes 16-bit colour with its profile, and none is as fast."""
    samples = picture.to_array()
    height, width = samples.shape[:2]
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    big_endian = samples.astype(">u2") if picture.bit_depth == 16 else samples
    rows = np.ascontiguousarray(big_endian).view(np.uint8).reshape(height, -1)
    chunks = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, picture.bit_depth, colour_type, 0, 0, 0))]
    if (codes := codes_of(picture.icc_profile)) is not None:
        chunks.append(chunk(b"cICP", bytes((*codes, 0, 1))))
    if picture.icc_profile is not None:
        chunks.append(chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc_profile)))
    if picture.dpi is not None:
        per_metre = [round(value / 0.0254) for value in picture.dpi]
        chunks.append(chunk(b"pHYs", struct.pack(">IIB", *per_metre, 1)))
    if picture.exif is not None:
        chunks.append(chunk(b"eXIf", picture.exif.removeprefix(b"Exif\0\0")))
    if picture.xmp is not None:
        chunks.append(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + picture.xmp))
    if description is not None:
        chunks.append(chunk(b"iTXt", b"Description\0\0\0\0\0" + description.encode()))
    pixel_bytes = channels * picture.bit_depth // 8
    chunks.append(chunk(b"IDAT", _deflate(_filtered(rows, pixel_bytes=pixel_bytes))))
    chunks.append(chunk(b"IEND", b""))
    return SIGNATURE + b"".join(chunks)


def _filtered(rows: npt.NDArray[np.uint8], *, pixel_bytes: int) -> bytes:
    """Apply the PNG filter "average" to every row; for photographs nearly as good as an adaptive choice."""
    above = np.vstack([np.zeros_like(rows[:1]), rows[:-1]])
    left = np.hstack([np.zeros((rows.shape[0], pixel_bytes), np.uint8), rows[:, :-pixel_bytes]])
    average = ((above.astype(np.uint16) + left) // 2).astype(np.uint8)
    tags = np.full((rows.shape[0], 1), 3, dtype=np.uint8)
    return np.hstack([tags, rows - average]).tobytes()


def _deflate(data: bytes) -> bytes:
    """Compress as zlib does, in parts that threads share; the parts make one valid stream."""
    starts = range(0, len(data), _PART_BYTES)

    def part(start: int) -> bytes:
        compressor = zlib.compressobj(_PNG_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        is_last = start + _PART_BYTES >= len(data)
        compressed = compressor.compress(data[start : start + _PART_BYTES])
        return compressed + compressor.flush(zlib.Z_FINISH if is_last else zlib.Z_FULL_FLUSH)

    if len(starts) == 1:
        parts = [part(0)]
    else:
        with ThreadPoolExecutor(max_workers=4) as pool:
            parts = list(pool.map(part, starts))
    return b"\x78\x01" + b"".join(parts) + struct.pack(">I", zlib.adler32(data))


def _tiff(picture: Picture) -> bytes:
    if picture.bit_depth == 16 and picture.is_gray and picture.alpha is not None:
        picture = _as_colour(picture)  # hardly any reader opens 16-bit gray with alpha
    samples = picture.to_array()
    block = None if picture.exif is None else read_block(picture.exif)
    parts = ((_TIFF_XMP_TAG, 1, picture.xmp), (_TIFF_ICC_TAG, 7, picture.icc_profile))
    tags = [(tag, kind, len(content), content, True) for tag, kind, content in parts if content is not None]
    stream = io.BytesIO()
    tifffile.imwrite(
        stream,
        samples,
        photometric="minisblack" if picture.is_gray else "rgb",
        extrasamples=None if picture.alpha is None else ("unassalpha",),
        planarconfig="contig" if samples.ndim == 3 else None,
        compression="zlib",
        predictor=True,
        extratags=tags,
        resolution=picture.dpi,
        resolutionunit=None if picture.dpi is None else "INCH",
        software=False,
        metadata=None,
        byteorder=None if block is None else block.order,  # values stay as they are, also those of unknown layout
    )
    if block is not None:
        with_directory(stream, block)
    return stream.getvalue()


def _webp(picture: Picture) -> bytes:
    if picture.is_gray:
        picture = _as_colour(picture)  # the format holds no gray
    image = Image.fromarray(picture.to_array(bit_depth=8))
    stream = io.BytesIO()
    profile, exif, xmp = picture.icc_profile or b"", picture.exif or b"", picture.xmp or b""
    image.save(stream, "WEBP", lossless=True, exact=True, icc_profile=profile, exif=exif, xmp=xmp)
    return stream.getvalue()


def _as_colour(picture: Picture) -> Picture:
    """Return a gray picture as one of equal channels that looks the same."""
    profile = None if picture.icc_profile is None else colour_profile(picture.icc_profile)
    pixels = np.repeat(gray_of(picture.pixels)[..., None], 3, axis=2)
    return replace(picture, pixels=pixels, is_gray=False, icc_profile=profile)


def _jpeg(picture: Picture) -> bytes:
    samples = flatten(picture).to_array(bit_depth=8)
    xmp = picture.xmp or b""
    stream = io.BytesIO()
    Image.fromarray(samples).save(
        stream,
        "JPEG",
        quality=_JPEG_QUALITY,
        subsampling=0,
        dpi=picture.dpi or (0, 0),
        icc_profile=picture.icc_profile,
        exif=_exif_for_jpeg(picture.exif),
        xmp=xmp if len(xmp) <= _LARGEST_JPEG_XMP_BYTES else b"",
    )
    return stream.getvalue()


def _exif_for_jpeg(exif: bytes | None) -> bytes:
    block = None if exif is None else read_block(exif)
    if exif is None or block is None or len(exif) <= _LARGEST_JPEG_EXIF_BYTES:
        return exif or b""
    fitting = shrunk(block, most_bytes=_LARGEST_JPEG_EXIF_BYTES)
    return b"" if fitting.is_empty else write_block(fitting)
