"""From a file, PIL image or array to a `Picture`. Sizes are checked from the header, before anything is decoded."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
import pillow_heif
import tifffile
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from restoration.errors import CorruptImage, ImageTooLarge, InvalidImage, UnsupportedImage
from restoration.images.jpeg import estimate_quality
from restoration.images.picture import BitDepth, FloatArray, Picture

ImageSource = Picture | Image.Image | npt.NDArray[Any] | bytes | str | Path

MAX_PIXELS = 25_000_000
MAX_PIXELS_TO_FIT = 64_000_000
"""Of a picture that is only looked at, or shrunk before anything else is done."""
MAX_SIDE_PX = 16_384
MAX_FILE_BYTES = 64 * 1024 * 1024
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
        ExifTags.IFD.Exif,
        ExifTags.IFD.GPSInfo,
    }
)
_EXTRA_SAMPLES_TAG = 338

_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "HEIF", "AVIF")
_READABLE = "PNG, JPEG, WebP, TIFF, BMP, GIF, HEIC or AVIF"
_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"II*\x00", b"MM\x00*", b"BM", b"GIF8")
_READ_COLOUR_SPACES = (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.MINISWHITE, tifffile.PHOTOMETRIC.RGB)
_GRAY_MODES = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")


@dataclass(frozen=True)
class ImageHeader:
    """What a file says of itself before it is decoded; the size is that of the upright picture."""

    width: int
    height: int
    format: str
    bit_depth: BitDepth
    is_gray: bool
    has_alpha: bool
    frames: int


def read(source: ImageSource, *, keep_gps: bool = False, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode a picture; of several frames, the first.

    Args:
        source: path, file bytes, PIL image, array, or a `Picture`, which comes back as it is. Arrays are (H, W) or
            (H, W, 1|2|3|4): gray, gray + alpha, RGB, RGBA; bool, uint8, uint16, or floats in [0, 1].
        keep_gps: keep the GPS part of EXIF.
        max_pixels: refuse pictures with more.

    Raises:
        UnsupportedImage: not a format, mode or array type that we read.
        CorruptImage: a picture file, but empty, damaged or cut off.
        ImageTooLarge: too many pixels or bytes, or a side above 16384 px.
        InvalidImage: there is no file at that path.
    """
    if isinstance(source, Picture):
        _check_size(source.width, source.height, max_pixels=max_pixels)
        return source
    if isinstance(source, np.ndarray):
        return _from_array(source, max_pixels=max_pixels)
    if isinstance(source, Image.Image):
        _check_size(*source.size, max_pixels=max_pixels)
        return _from_pil(source, format_name="", keep_gps=keep_gps)
    if not isinstance(source, (bytes, str, Path)):
        raise UnsupportedImage(f"Expected a picture file, a PIL image or an array, but got {type(source).__name__}.")
    data = _data(source)
    with _open(data) as image:
        _check_size(*image.size, max_pixels=max_pixels)
        name = "JPEG" if image.format == "MPO" else image.format or ""
        try:
            if _bits_per_channel(image, data) > 8:
                return _from_deep(image, data, format_name=name, keep_gps=keep_gps)
            image.load()
            return _from_pil(image, format_name=name, keep_gps=keep_gps)
        except InvalidImage:
            raise
        except Exception as error:  # Pillow's plugins raise a dozen unrelated types for damaged files
            raise CorruptImage(_damaged(name)) from error


def probe(source: bytes | str | Path) -> ImageHeader:
    """Read only the header of a picture file.

    Raises:
        UnsupportedImage, CorruptImage, ImageTooLarge, InvalidImage: as `read`, except for damage behind the header.
    """
    data = _data(source)
    with _open(data) as image:
        try:
            width, height = image.size
            if image.format != "TIFF" and _orientation(image) in (5, 6, 7, 8):  # Pillow turns TIFF files itself
                width, height = height, width
            return ImageHeader(
                width=width,
                height=height,
                format="JPEG" if image.format == "MPO" else image.format or "",
                bit_depth=16 if _bits_per_channel(image, data) > 8 else 8,
                is_gray=_is_gray(image, data),
                has_alpha=image.has_transparency_data,
                frames=getattr(image, "n_frames", 1),
            )
        except Exception as error:  # as in `read`
            raise CorruptImage(_damaged(image.format or "picture")) from error


def _data(source: bytes | str | Path) -> bytes:
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


def _open(data: bytes) -> Image.Image:
    Image.init()  # with a list of formats, Pillow does not load the plugins of the rarer ones by itself
    pillow_heif.register_heif_opener()  # only adds entries to the tables of Pillow; again changes nothing
    try:
        return Image.open(io.BytesIO(data), formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        message = (
            f"A picture may have at most {MAX_PIXELS / 1e6:.0f} megapixels but this one has far more; shrink it first."
        )
        raise ImageTooLarge(message, limit=MAX_PIXELS) from error
    except UnidentifiedImageError as error:
        if data.startswith((b"II*\x00", b"MM\x00*")):
            message = "The TIFF file is damaged, or of a kind that is not read; save it anew, or as PNG."
            raise CorruptImage(message) from error
        if data.startswith(_SIGNATURES) or data[4:8] == b"ftyp":
            raise CorruptImage(_damaged("picture")) from error
        raise UnsupportedImage(f"The file is not a picture that can be read; use {_READABLE}.") from error
    except Exception as error:  # as in `read`
        raise CorruptImage(_damaged("picture")) from error


def _damaged(name: str) -> str:
    return f"The {name} file is damaged or cut off; upload it again or save it anew."


def _check_size(width: int, height: int, *, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise CorruptImage("The picture has no pixels; upload another one.")
    if max(width, height) > MAX_SIDE_PX:
        raise ImageTooLarge(
            f"A side may have at most {MAX_SIDE_PX} px but the picture has {width}x{height} px; shrink it first.",
            limit=MAX_SIDE_PX,
        )
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"A picture may have at most {max_pixels / 1e6:g} megapixels but this one has {width}x{height} px "
            f"({width * height / 1e6:.6g} megapixels); shrink it first.",
            limit=max_pixels,
        )


def _bits_per_channel(image: Image.Image, data: bytes) -> int:
    """Return what the file declares; Pillow's mode does not tell, it has no 16-bit colour."""
    if image.format == "PNG":
        return data[24]
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, (1,))  # type: ignore[attr-defined]
        return max(bits) if isinstance(bits, tuple) else int(bits)
    if image.format in ("HEIF", "AVIF"):
        return int(image.info.get("bit_depth", 8))
    return 16 if image.mode.startswith("I") or image.mode == "F" else 8


def _is_gray(image: Image.Image, data: bytes) -> bool:
    """Tell whether a file holds gray samples; 16-bit gray with alpha has no mode of its own in Pillow."""
    return data[25] in (0, 4) if image.format == "PNG" else image.mode in _GRAY_MODES


def _from_deep(image: Image.Image, data: bytes, *, format_name: str, keep_gps: bool) -> Picture:
    """Decode 16-bit and float PNG and TIFF files through OpenCV, which keeps all bits; its order is BGR."""
    if format_name in ("HEIF", "AVIF"):
        frames = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
        samples = np.asarray(frames[frames.primary_index])
        picture = _from_array(samples, max_pixels=image.width * image.height)
        picture = _with_full_range(picture, bits=_bits_per_channel(image, data))
        return _finish(picture, image, orientation=1, format_name=format_name, keep_gps=keep_gps)
    if format_name == "TIFF" and not _is_plain_tiff(image):
        samples = _rare_tiff(data)
        picture = _from_array(samples, max_pixels=image.width * image.height)
        orientation = _orientation(image)
        return _finish(picture, image, orientation=orientation, format_name=format_name, keep_gps=keep_gps)
    decoded = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None:
        raise CorruptImage(_damaged(format_name))
    samples = np.asarray(decoded)
    if samples.ndim == 3 and samples.shape[2] >= 3:
        samples = np.concatenate([samples[..., 2::-1], samples[..., 3:]], axis=2)
    if _is_gray(image, data) and samples.ndim == 3 and samples.shape[2] >= 3:
        samples = samples[..., [0, 3]] if samples.shape[2] == 4 else samples[..., 0]
    meaning = _extra_channel(image) if format_name == "TIFF" and samples.ndim == 3 and samples.shape[2] == 4 else ""
    if meaning == "unknown":
        samples = samples[..., :3]
    picture = _from_array(np.ascontiguousarray(samples), max_pixels=image.width * image.height)
    if meaning == "premultiplied":
        picture = _divided(picture)
    # OpenCV turns TIFF pictures upright by itself
    orientation = 1 if format_name == "TIFF" else _orientation(image)
    return _finish(picture, image, orientation=orientation, format_name=format_name, keep_gps=keep_gps)


def _extra_channel(image: Image.Image) -> Literal["unknown", "premultiplied", "alpha"]:
    """Return what the fourth channel of a TIFF file is."""
    kind = image.tag_v2.get(_EXTRA_SAMPLES_TAG, (0,))  # type: ignore[attr-defined]
    first = kind[0] if isinstance(kind, tuple) and kind else kind
    return "alpha" if first == 2 else "premultiplied" if first == 1 else "unknown"


def _divided(picture: Picture) -> Picture:
    """Return a picture whose colours had been multiplied by their alpha with the colours themselves."""
    assert picture.alpha is not None
    weight = picture.alpha[..., None]
    colours = np.divide(picture.pixels, weight, out=np.zeros_like(picture.pixels), where=weight > 0)
    return replace(picture, pixels=np.clip(colours, 0, 1))


def _with_full_range(picture: Picture, *, bits: int) -> Picture:
    """Return a picture whose samples of so many bits had been shifted to 16, so that white was a little less than 1."""
    largest = np.float32(((2**bits - 1) << (16 - bits)) / 65535)
    alpha = None if picture.alpha is None else np.clip(picture.alpha / largest, 0, 1)
    return replace(picture, pixels=np.clip(picture.pixels / largest, 0, 1), alpha=alpha)


def _is_plain_tiff(image: Image.Image) -> bool:
    """Tell whether OpenCV reads a deep TIFF rightly: interleaved gray with black at 0, RGB or RGBA.

    Of separate colour planes it fills only the first third of the picture, and it ignores white at 0.
    """
    tags = image.tag_v2  # type: ignore[attr-defined]
    photometric, planar, samples = (tags.get(tag, default) for tag, default in ((262, 1), (284, 1), (277, 1)))
    return planar == 1 and (photometric, samples) in ((1, 1), (2, 3), (2, 4))


def _rare_tiff(data: bytes) -> npt.NDArray[Any]:
    """Return the samples of a deep TIFF that OpenCV reads wrongly, (H, W[, C])."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        colour_space = tifffile.PHOTOMETRIC(page.photometric)
        if colour_space not in _READ_COLOUR_SPACES:
            kind = colour_space.name
            raise UnsupportedImage(f"TIFF files with 16 bits in the colour space {kind} are not read; save it as RGB.")
        try:
            samples = page.asarray()
        except (ValueError, ImportError) as error:  # a compression that needs another library
            message = "This kind of TIFF file is not read; save it uncompressed, or as PNG."
            raise UnsupportedImage(message) from error
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and samples.ndim == 3:
            samples = np.moveaxis(samples, 0, 2)
        if colour_space == tifffile.PHOTOMETRIC.MINISWHITE and samples.dtype == np.uint16:
            samples = np.uint16(65535) - samples
    return np.ascontiguousarray(samples)


def _from_array(samples: npt.NDArray[Any], *, max_pixels: int) -> Picture:
    if samples.ndim not in (2, 3) or (samples.ndim == 3 and samples.shape[2] not in (1, 2, 3, 4)):
        raise UnsupportedImage(
            f"An array must have the shape (height, width) or (height, width, 1 to 4), but has {samples.shape}."
        )
    _check_size(samples.shape[1], samples.shape[0], max_pixels=max_pixels)
    planes = samples[..., None] if samples.ndim == 2 else samples
    bit_depth: BitDepth = 8
    if planes.dtype == np.bool_:
        values = planes.astype(np.float32)
    elif planes.dtype == np.uint8:
        values = planes.astype(np.float32) / np.float32(255)
    elif planes.dtype == np.uint16:
        values, bit_depth = planes.astype(np.float32) / np.float32(65535), 16
    elif np.issubdtype(planes.dtype, np.floating):
        values, bit_depth = _checked_floats(planes), 16
    else:
        raise UnsupportedImage(
            f"Samples must be 8 or 16 bits, or floats in [0, 1], but are {planes.dtype}; save them with 16 bits first."
        )
    channels = values.shape[2]
    alpha = np.ascontiguousarray(values[..., -1]) if channels in (2, 4) else None
    colours = np.repeat(values[..., :1], 3, axis=2) if channels < 3 else np.ascontiguousarray(values[..., :3])
    return Picture(pixels=colours, alpha=alpha, bit_depth=bit_depth, is_gray=channels < 3)


def _checked_floats(planes: npt.NDArray[Any]) -> FloatArray:
    low, high = float(planes.min()), float(planes.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UnsupportedImage("The picture holds values that are not numbers; remove them first.")
    if low < -1e-3 or high > 1 + 1e-3:
        raise UnsupportedImage(
            f"Float samples must lie in [0, 1], but range from {low:.3g} to {high:.3g}; scale them first."
        )
    return np.clip(planes, 0, 1).astype(np.float32)


def _from_pil(image: Image.Image, *, format_name: str, keep_gps: bool) -> Picture:
    original, orientation = image, _orientation(image)
    quality = estimate_quality(getattr(image, "quantization", None) or {})
    if image.mode == "CMYK":
        image = _cmyk_to_srgb(image)
    is_gray = image.mode in _GRAY_MODES or _has_gray_palette(image)
    if image.mode not in ("L", "LA", "RGB", "RGBA", "I;16"):
        image = _in_plain_mode(image, is_gray=is_gray)
    elif "transparency" in image.info and image.mode in ("L", "RGB"):
        image = _with_info(image.convert("RGBA"), image)
        image = _with_info(image.convert("LA"), image) if is_gray else image
    picture = _from_array(np.asarray(image), max_pixels=image.width * image.height)
    picture = replace(picture, jpeg_quality=quality if format_name == "JPEG" else None)
    return _finish(picture, original, orientation=orientation, format_name=format_name, keep_gps=keep_gps)


def _in_plain_mode(image: Image.Image, *, is_gray: bool) -> Image.Image:
    """Convert palettes, 1-bit, premultiplied and other colour spaces to L, LA, RGB, RGBA or I;16."""
    if image.mode.startswith("I;16"):
        return _with_info(image.convert("I;16"), image)
    if image.mode in ("I", "F"):
        raise UnsupportedImage(f"Pictures with 32-bit samples (mode {image.mode}) are not read; save it with 16 bits.")
    has_alpha = image.has_transparency_data
    target = ("LA" if has_alpha else "L") if is_gray else ("RGBA" if has_alpha else "RGB")
    if image.mode in ("P", "PA", "La", "RGBa") and has_alpha:
        image = _with_info(image.convert("LA" if image.mode == "La" else "RGBA"), image)
    return _with_info(image.convert(target), image)


def _with_info(converted: Image.Image, original: Image.Image) -> Image.Image:
    """Carry EXIF and ICC over a mode conversion; the transparency entry is spent by it."""
    converted.info = {key: value for key, value in original.info.items() if key != "transparency"}
    return converted


def _has_gray_palette(image: Image.Image) -> bool:
    if image.mode != "P" or image.palette is None:
        return False
    palette = np.asarray(image.convert("RGB"))
    return bool((palette[..., 0] == palette[..., 1]).all() and (palette[..., 1] == palette[..., 2]).all())


def _cmyk_to_srgb(image: Image.Image) -> Image.Image:
    """Convert through the embedded profile where it is usable, else by Pillow's formula; the profile is spent by it."""
    info = {key: value for key, value in image.info.items() if key != "icc_profile"}
    profile = image.info.get("icc_profile")
    converted: Image.Image | None = None
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):  # a broken profile says nothing; the formula is the common fallback
            converted = None
    converted = image.convert("RGB") if converted is None else converted
    converted.info = info
    return converted


def _finish(picture: Picture, image: Image.Image, *, orientation: int, format_name: str, keep_gps: bool) -> Picture:
    """Turn the picture upright and attach what must survive."""
    return replace(
        picture,
        pixels=_upright(picture.pixels, orientation),
        alpha=None if picture.alpha is None else _upright(picture.alpha, orientation),
        format=format_name,
        exif=_kept_exif(image, keep_gps=keep_gps),
        icc_profile=_kept_profile(image, is_gray=picture.is_gray),
        dpi=_kept_dpi(image),
        frames=getattr(image, "n_frames", 1),
    )


def _upright(samples: FloatArray, orientation: int) -> FloatArray:
    """Apply EXIF orientation 1-8 to (H, W[, C]) samples."""
    if orientation in (5, 6, 7, 8):
        samples = np.swapaxes(samples, 0, 1)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return np.ascontiguousarray(samples)


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # EXIF that cannot be parsed says nothing about the orientation
        return 1
    return value if value in range(1, 9) else 1


def _kept_exif(image: Image.Image, *, keep_gps: bool) -> bytes | None:
    """Return what EXIF says of camera, time, author and, if asked for, the place.

    Nothing else is kept: the orientation is applied already, and a TIFF file mixes the layout of its samples, XMP and
    Photoshop's blocks in, which may name the place, too, or hold a small picture of the original.
    """
    try:
        exif = image.getexif()
        for tag in set(exif) - _KEPT_TAGS:
            del exif[tag]
        details = exif.get_ifd(ExifTags.IFD.Exif)
        for size_tag in (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight):
            details.pop(size_tag, None)  # of the original; the result may have another size
        if not keep_gps:
            exif.pop(ExifTags.IFD.GPSInfo, None)
        return exif.tobytes() if len(exif) else None
    except Exception:  # EXIF that cannot be parsed cannot be kept; the picture matters more
        return None


def _kept_dpi(image: Image.Image) -> tuple[float, float] | None:
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 <= across <= 10_000 and 1 <= down <= 10_000 else None


def _kept_profile(image: Image.Image, *, is_gray: bool) -> bytes | None:
    """Return the ICC profile where it fits the picture's colour space."""
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or len(profile) < 128:
        return None
    return profile if profile[16:20] == (b"GRAY" if is_gray else b"RGB ") else None
