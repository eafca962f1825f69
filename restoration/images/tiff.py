"""Which of the directories of a TIFF file is its picture, and of what kind that is.

Reference:
    TIFF, Revision 6.0, Adobe, 1992; Adobe Photoshop TIFF Technical Notes, 2002 (SubIFDs);
    Digital Negative Specification 1.7.1, Adobe, 2023.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from restoration.errors import CorruptImage, UnsupportedImage
from restoration.images.exif import ByteOrder, Directory, byte_order, read_directory

MOST_FRAMES = 1000
_MOST_CHILDREN = 32
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES, _ORIENTATION = 256, 257, 258, 262, 277, 274
_KIND, _OLD_KIND, _COMPRESSION, _PLANAR, _EXTRA, _FORMAT, _CHILDREN = 254, 255, 259, 284, 338, 339, 330
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_CFA, _LINEAR_RAW = 32803, 34892
_DNG_VERSION, _MAKE = 50706, 271
_THUMBNAIL, _MASK = 1, 4
_LARGEST_THUMBNAIL_PX = 512
_ENOUGH_OF_RAW = 0.8
FLOAT, SIGNED, UNSIGNED = 3, 2, 1


@dataclass(frozen=True)
class TiffPage:
    """A directory of a TIFF file that holds a picture."""

    offset: int
    order: ByteOrder
    entries: Directory

    def number(self, tag: int, default: int) -> int:
        """Return the first number of an entry."""
        return self.numbers(tag, default)[0]

    def numbers(self, tag: int, *default: int) -> tuple[int, ...]:
        entry = self.entries.get(tag)
        return (entry.numbers(self.order) if entry is not None else ()) or default

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as stored, before it is turned upright."""
        return self.number(_WIDTH, 0), self.number(_HEIGHT, 0)

    @property
    def bits(self) -> int:
        return max(self.numbers(_BITS, 1))

    @property
    def sample_format(self) -> int:
        return self.number(_FORMAT, UNSIGNED)

    @property
    def photometric(self) -> int:
        return self.number(_PHOTOMETRIC, 1)

    @property
    def samples(self) -> int:
        return self.number(_SAMPLES, 1)

    @property
    def extra(self) -> tuple[int, ...]:
        """What the channels after the colours are: 1 premultiplied alpha, 2 alpha, 0 anything."""
        return self.numbers(_EXTRA)

    @property
    def is_planar(self) -> bool:
        return self.number(_PLANAR, 1) == 2

    @property
    def compression(self) -> int:
        return self.number(_COMPRESSION, 1)

    @property
    def orientation(self) -> int:
        value = self.number(_ORIENTATION, 1)
        return value if value in range(1, 9) else 1

    @property
    def is_raw(self) -> bool:
        return self.photometric in (_CFA, _LINEAR_RAW)

    @property
    def is_thumbnail(self) -> bool:
        return bool(self.number(_KIND, 0) & (_THUMBNAIL | _MASK)) or self.number(_OLD_KIND, 1) == 2

    @property
    def pixels(self) -> int:
        return self.size[0] * self.size[1]


@dataclass(frozen=True)
class TiffFile:
    """A TIFF file of which the first directory is its picture, whatever stood first before.

    Args:
        data: the file; decoders find the picture first.
        main: the first directory as it was, which names camera and time.
        frames: how many pictures stand in the chain of directories, at most 1000; thumbnails do not count.
        note: what the user should know of the choice, or "".
    """

    data: bytes
    page: TiffPage
    main: Directory
    frames: int
    is_big: bool
    note: str = ""

    @property
    def orientation(self) -> int:
        return (
            self.page.orientation
            if _ORIENTATION in self.page.entries
            else TiffPage(0, self.page.order, self.main).orientation
        )


def is_tiff(data: bytes) -> bool:
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_tiff(data: bytes) -> TiffFile:
    """Return a TIFF file with its picture first.

    Raises:
        CorruptImage: there is no picture, or two sizes of it.
        UnsupportedImage: camera raw without a preview of its size.
    """
    order = byte_order(data)
    assert order is not None
    is_big = 43 in data[2:4]
    chain = list(_chain(data, order=order, is_big=is_big))
    if not chain:
        raise CorruptImage("The TIFF file is damaged, or cut off before its directory; save it anew, or as PNG.")
    pages = [*chain, *_children(data, chain[:_MOST_CHILDREN], is_big=is_big)]
    pages = [page for page in pages if page.pixels] or chain[:1]
    page, note = _picture_of(pages, chain)
    _check_layout(data, page, is_big=is_big)
    if page.offset != chain[0].offset:
        start = 8 if is_big else 4
        offset = struct.pack(order + ("Q" if is_big else "I"), page.offset)
        data = data[:start] + offset + data[start + len(offset) :]
    frames = sum(not other.is_thumbnail for other in chain)
    if note and page in chain and not chain[0].is_thumbnail:
        frames -= 1
    return TiffFile(data, page, chain[0].entries, frames=max(1, frames), is_big=is_big, note=note)


def _chain(data: bytes, *, order: ByteOrder, is_big: bool) -> Iterator[TiffPage]:
    """Return the directories of a file in their order, at most 1000; those that go in a circle once."""
    seen: set[int] = set()
    try:
        (offset,) = struct.unpack_from(order + ("Q" if is_big else "I"), data, 8 if is_big else 4)
        while offset and offset not in seen and len(seen) < MOST_FRAMES:
            seen.add(offset)
            entries, following = read_directory(data, offset, order=order, is_big=is_big)
            yield TiffPage(offset, order, entries)
            offset = following
    except (struct.error, ValueError):  # cut off: what came before counts
        return


def _children(data: bytes, parents: list[TiffPage], *, is_big: bool) -> Iterator[TiffPage]:
    for parent in parents:
        for offset in parent.numbers(_CHILDREN)[:_MOST_CHILDREN]:
            try:
                entries, _ = read_directory(data, offset, order=parent.order, is_big=is_big)
            except ValueError:
                continue
            yield TiffPage(offset, parent.order, entries)


def _picture_of(pages: list[TiffPage], chain: list[TiffPage]) -> tuple[TiffPage, str]:
    """Return the page that is the picture, and what to tell the user of the choice."""
    raw = [page for page in pages if page.is_raw]
    if raw or _DNG_VERSION in chain[0].entries:
        return _preview_of_raw(pages, raw)
    whole = [page for page in pages if not page.is_thumbnail]
    if not whole:  # all call themselves small: the largest is the least so
        return max(pages, key=lambda page: page.pixels), ""
    first = whole[0]
    larger = next((page for page in whole[1:] if _is_thumbnail_of(first, page)), None)
    picture = first if larger is None else larger
    note = "" if picture.offset == chain[0].offset else "The file begins with a thumbnail; its full picture was taken."
    return picture, note


def _is_thumbnail_of(small: TiffPage, large: TiffPage) -> bool:
    """Tell whether a page that does not call itself a thumbnail is one: small, and of the shape of a larger page."""
    (width, height), (large_width, large_height) = small.size, large.size
    if max(width, height) > _LARGEST_THUMBNAIL_PX or large_width < 2 * width or large_height < 2 * height:
        return False
    return abs(large_width / width - large_height / height) <= 0.03 * large_width / width


def _preview_of_raw(pages: list[TiffPage], raw: list[TiffPage]) -> tuple[TiffPage, str]:
    """Return the picture that the camera or a converter has put beside its raw data."""
    wanted = max((max(page.size) for page in raw), default=0)
    previews = [page for page in pages if not page.is_raw and page.number(_KIND, 0) in (0, _THUMBNAIL)]
    best = max(previews, key=lambda page: page.pixels, default=None)
    if best is not None and max(best.size) >= _ENOUGH_OF_RAW * wanted:
        width, height = best.size
        if not raw:
            return best, ""
        return best, f"This is camera raw; the preview of {width}x{height} px in the file was taken, not the raw data."
    shown = "no preview" if best is None else f"a preview of only {best.size[0]}x{best.size[1]} px"
    raise UnsupportedImage(
        f"This is camera raw (DNG or the like), whose sensor data are not read, with {shown}; "
        "develop it to TIFF or JPEG first, for instance with darktable or RawTherapee."
    )


def _check_layout(data: bytes, page: TiffPage, *, is_big: bool) -> None:
    """Check that a directory names each part of its layout once, and no tiles far larger than the picture.

    Raises:
        CorruptImage: it does not.
    """
    count_format, entry_bytes = ("Q", 20) if is_big else ("H", 12)
    (count,) = struct.unpack_from(page.order + count_format, data, page.offset)
    start = page.offset + struct.calcsize(count_format)
    tags = [
        struct.unpack_from(page.order + "H", data, start + entry_bytes * at)[0]
        for at in range(min(count, 4096))
        if start + entry_bytes * at + 2 <= len(data)
    ]
    names = {_WIDTH: "width", _HEIGHT: "height", _BITS: "number of bits", _SAMPLES: "number of channels"}
    for tag, name in names.items():
        if tags.count(tag) > 1:
            raise CorruptImage(f"The TIFF file names its {name} twice; open it in an image editor and save it anew.")
    width, height = page.size
    tile_width, tile_height = page.number(_TILE_WIDTH, 0), page.number(_TILE_HEIGHT, 0)
    if tile_width * tile_height > max(2**22, 4 * width * height):
        raise CorruptImage(
            f"The TIFF file says two sizes, {width}x{height} px and tiles of {tile_width}x{tile_height} px; "
            "open it in an image editor and save it anew."
        )
