"""Test cases from folders of pictures: inputs and references."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.signal import convolve2d

from restoration.arrays import FloatArray, Mask
from restoration.degradations.blur import gaussian_blur
from restoration.degradations.compose import add_developed_noise
from restoration.degradations.jpeg import compress_jpeg
from restoration.degradations.masks import Kind, draw_kind
from restoration.degradations.noise import (
    add_gaussian_noise,
    add_poisson_noise,
    add_salt_and_pepper,
    add_speckle_noise,
    quantize_8bit,
)
from restoration.degradations.resize import downscale
from restoration.degradations.second_order import degrade_twice
from restoration.errors import InvalidRequest
from restoration.images import Picture, gray_of, read, read_kernel
from restoration.types import Task

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
NoiseKind = Literal["gaussian", "camera", "poisson", "speckle"]
_MIDDLE_GRAY = 0.5
_HOLES_SHARE = (0.03, 0.07)  # elements overshoot a little


@dataclass(frozen=True)
class Case:
    """One picture to restore and its reference; for inpainting the mask (True = fill), for deblurring the kernel.

    Where nothing is done to the pictures of a folder, the reference is the picture itself.
    """

    name: str
    degraded: Picture
    reference: Picture
    mask: Mask | None = None
    kernel: Path | None = None


@dataclass(frozen=True)
class Damage:
    """What to do to clean pictures.

    Args:
        sigma_255: deviation of the noise, in 0-255 units: everywhere, for "camera" and "poisson" at middle gray, for
            "speckle" in white.
        noise: "gaussian" = white; "camera" = uneven, blotchy and often compressed, in 8 bits, of colour pictures;
            "poisson" = of counted photons; "speckle" = in proportion to the signal.
        clip8: clip and round the noisy picture to 8 bits, as a user has it; papers leave it unclipped.
        salt_and_pepper: share of damaged pixels.
        quality: JPEG quality.
        blur_radius_px: Gaussian blur.
        scale: shrinking factor, where the folder holds no shrunk pictures of its own.
        from_web: shrink clean pictures with the damage of pictures from the web, seeded by their names.
        gray: turn references into gray pictures first.
        seed: of the noise; every picture has its own stream, by its name.
        holes: kinds of damage drawn on clean pictures, together on 3 to 8 % of the pixels, where a folder has no masks.
        mask_white_is_known: white in the mask files marks what is known, not what is to be filled.
    """

    sigma_255: float = 0.0
    noise: NoiseKind = "gaussian"
    clip8: bool = False
    salt_and_pepper: float = 0.0
    quality: int | None = None
    blur_radius_px: float = 0.0
    scale: int = 4
    from_web: bool = False
    gray: bool = False
    seed: int = 0
    holes: tuple[Kind, ...] = ("scratches", "text")
    mask_white_is_known: bool = False


def load_cases(task: Task, folder: Path, damage: Damage, *, limit: int | None = None) -> Iterator[Case]:
    """Yield the cases of a folder in the order of their names.

    Noise, JPEG and blur are made from clean pictures, except for files `*_real.*` and `*_mean.*`, which are pairs of a
    photograph as the camera gave it and the mean of many. Deblurring takes a folder `gt` of pictures and `kernel*`
    files, each picture with each kernel, cut to what a camera sees. Super-resolution takes `HR` and `LRx<scale>`
    folders, files `*_HR.*` and `*_LR.*`, or shrinks clean pictures; inpainting takes `images` and `masks`, or draws
    masks for clean pictures; low light takes `low` and `high`, or pictures without references.

    Raises:
        InvalidRequest: the folder is absent or holds no pictures of that form, or they would not get a damage that is
            asked for.
    """
    if not folder.is_dir():
        raise InvalidRequest(f"The test set {folder} does not exist; name a folder of pictures.")
    loaders: dict[Task, Callable[[Path, Damage], Iterator[Case]]] = {
        Task.SUPER_RESOLUTION: _super_resolution,
        Task.DEBLUR: _deblur,
        Task.INPAINT: _inpaint,
        Task.LOW_LIGHT: _low_light,
    }
    cases = loaders.get(task, _clean)(folder, damage)
    for count, case in enumerate(cases):
        if limit is not None and count >= limit:
            return
        yield case


def _refuse_others(damage: Damage, *known: str) -> None:
    """Make sure that nothing is asked for but `known` fields, the seed and the scale: else scores would be of less.

    Raises:
        InvalidRequest: something is.
    """
    none = Damage()
    others = [field.name for field in fields(damage) if getattr(damage, field.name) != getattr(none, field.name)]
    if unknown := [name for name in others if name not in (*known, "seed", "scale")]:
        raise InvalidRequest(
            f"Pictures of this form and task get no {', '.join(unknown)}; leave that out, or name another test set."
        )


def pictures_in(folder: Path) -> list[Path]:
    """Return the picture files of a folder by name.

    Raises:
        InvalidRequest: there are none.
    """
    found = sorted(file for file in folder.glob("*") if file.suffix.lower() in _SUFFIXES)
    if not found:
        raise InvalidRequest(f"No pictures lie in {folder}; put {', '.join(_SUFFIXES)} files there.")
    return found


def _reference(file: Path, damage: Damage) -> Picture:
    picture = read(file)
    if damage.gray:
        gray = np.rint(gray_of(picture.pixels) * 255) / 255
        picture = replace(picture, pixels=np.repeat(gray[..., None], 3, axis=2).astype(np.float32), is_gray=True)
    return replace(picture, alpha=None)


def _clean(folder: Path, damage: Damage) -> Iterator[Case]:
    if real := sorted(folder.glob("*_real.*")):
        _refuse_others(damage, "gray")
        for file in real:
            reference = _reference(file.with_name(file.name.replace("_real.", "_mean.")), damage)
            yield Case(file.stem, _reference(file, damage), reference)
        return
    _refuse_others(damage, "sigma_255", "noise", "clip8", "salt_and_pepper", "quality", "blur_radius_px", "gray")
    if damage.noise != "gaussian" and not damage.sigma_255:
        raise InvalidRequest(f"The noise {damage.noise} has no strength; give --sigma, in 0-255 units.")
    for file in pictures_in(folder):
        reference = _reference(file, damage)
        if reference.is_gray and damage.noise == "camera":
            raise InvalidRequest(f"{file.name} is gray, but a camera's noise is that of colours; use other noise.")
        yield Case(file.stem, replace(reference, pixels=_damaged(reference, damage, _stream(file, damage))), reference)


def _damaged(reference: Picture, damage: Damage, rng: np.random.Generator) -> FloatArray:
    pixels = gaussian_blur(reference.pixels, radius_px=damage.blur_radius_px)
    planes = pixels[..., :1] if reference.is_gray else pixels
    planes = _NOISES[damage.noise](planes, damage.sigma_255 / 255, rng) if damage.sigma_255 else planes
    planes = add_salt_and_pepper(planes, rng=rng, ratio=damage.salt_and_pepper)
    if damage.clip8:
        planes = quantize_8bit(planes)
    pixels = np.repeat(planes, 3, axis=2) if reference.is_gray else planes
    if damage.quality is not None:
        pixels = compress_jpeg(pixels, quality=damage.quality, is_gray=reference.is_gray)
    return pixels


_NOISES: Mapping[NoiseKind, Callable[[FloatArray, float, np.random.Generator], FloatArray]] = {
    "gaussian": lambda planes, sigma, rng: add_gaussian_noise(planes, rng=rng, sigma=sigma),
    "camera": lambda planes, sigma, rng: add_developed_noise(planes, rng=rng, sigma=sigma),
    "poisson": lambda planes, sigma, rng: add_poisson_noise(planes, rng=rng, photons=_MIDDLE_GRAY / sigma**2),
    "speckle": lambda planes, sigma, rng: add_speckle_noise(planes, rng=rng, sigma=sigma),
}


def _deblur(folder: Path, damage: Damage) -> Iterator[Case]:
    if not (folder / "gt").is_dir():
        yield from _clean(folder, damage)
        return
    _refuse_others(damage, "sigma_255", "clip8", "gray")
    files = pictures_in(folder / "gt")
    kernels = [file for file in files if file.stem.startswith("kernel")]
    for file in files:
        if file in kernels:
            continue
        sharp = _reference(file, damage)
        for kernel_file in kernels:
            name = f"{file.stem}_{kernel_file.stem}"
            kernel = read_kernel(kernel_file)
            rows, columns = (side // 2 for side in kernel.shape)
            planes = sharp.pixels[..., :1] if sharp.is_gray else sharp.pixels
            seen = np.stack(
                [convolve2d(planes[..., c], kernel, mode="valid") for c in range(planes.shape[2])], axis=2
            ).astype(np.float32)
            rng = np.random.default_rng((damage.seed, zlib.crc32(name.encode())))
            seen = add_gaussian_noise(seen, rng=rng, sigma=damage.sigma_255 / 255)
            pixels = quantize_8bit(seen) if damage.clip8 else seen
            pixels = np.repeat(pixels, 3, axis=2) if sharp.is_gray else pixels
            shown = sharp.pixels[rows : sharp.height - rows, columns : sharp.width - columns]
            yield Case(name, sharp.with_pixels(pixels), sharp.with_pixels(shown), kernel=kernel_file)


def _super_resolution(folder: Path, damage: Damage) -> Iterator[Case]:
    scale = damage.scale
    if (folder / "HR").is_dir():
        large = pictures_in(folder / "HR")
        small: Sequence[Path | None] = [_partner(file, folder / f"LRx{scale}", (f"x{scale}", "")) for file in large]
    elif large := sorted(file for file in folder.glob("*_HR.*")):
        small = [file.with_name(file.name.replace("_HR.", "_LR.")) for file in large]
    else:
        large = pictures_in(folder)
        small = [None] * len(large)
    _refuse_others(damage, "gray", *(("from_web",) if None in small else ()))
    for file, shrunk in zip(large, small, strict=True):
        reference = _reference(file, damage)
        if shrunk is None:
            degraded = replace(reference, pixels=_shrunk(file, reference.pixels, damage))
        else:
            degraded = _reference(shrunk, damage)
        height, width = scale * degraded.height, scale * degraded.width
        yield Case(file.stem, degraded, reference.with_pixels(reference.pixels[:height, :width]))


def _shrunk(file: Path, pixels: FloatArray, damage: Damage) -> FloatArray:
    scale = damage.scale
    if not damage.from_web:
        return quantize_8bit(downscale(pixels, scale=scale))
    height, width = (side // scale * scale for side in pixels.shape[:2])
    return degrade_twice(pixels[:height, :width], rng=_stream(file, damage), scale=scale)


def _stream(file: Path, damage: Damage) -> np.random.Generator:
    """Return the random numbers of one picture, which depend on its name."""
    return np.random.default_rng((damage.seed, zlib.crc32(file.stem.encode())))


def _partner(file: Path, folder: Path, endings: Sequence[str]) -> Path:
    for ending in endings:
        for suffix in _SUFFIXES:
            candidate = folder / f"{file.stem}{ending}{suffix}"
            if candidate.is_file():
                return candidate
    raise InvalidRequest(f"{folder} holds no partner of {file.name}; both folders need the same names.")


def _inpaint(folder: Path, damage: Damage) -> Iterator[Case]:
    if not (folder / "images").is_dir():
        yield from _drawn_over(folder, damage)
        return
    _refuse_others(damage, "gray", "mask_white_is_known")
    for file in pictures_in(folder / "images"):
        reference = _reference(file, damage)
        mask = gray_of(read(_partner(file, folder / "masks", ("", "_mask"))).pixels) > 0.5
        mask = ~mask if damage.mask_white_is_known else mask
        if not mask.any():
            raise InvalidRequest(f"The mask of {file.name} marks nothing; take the pair out of the test set.")
        holes = np.where(mask[..., None], np.float32(0.5), reference.pixels)
        yield Case(file.stem, reference.with_pixels(holes), reference, mask)


def _drawn_over(folder: Path, damage: Damage) -> Iterator[Case]:
    _refuse_others(damage, "gray", "holes")
    for file in pictures_in(folder):
        reference = _reference(file, damage)
        rng = _stream(file, damage)
        share = float(rng.uniform(*_HOLES_SHARE))
        mask = np.zeros((reference.height, reference.width), np.bool_)
        for kind in damage.holes:
            mask |= draw_kind(*mask.shape, rng=rng, kind=kind, share=share / len(damage.holes))
        holes = np.where(mask[..., None], np.float32(0.5), reference.pixels)
        yield Case(file.stem, reference.with_pixels(holes), reference, mask)


def _low_light(folder: Path, damage: Damage) -> Iterator[Case]:
    _refuse_others(damage, "gray")
    if not (folder / "low").is_dir():  # dark pictures without references, to be looked at
        for file in pictures_in(folder):
            picture = _reference(file, damage)
            yield Case(file.stem, picture, picture)
        return
    for file in pictures_in(folder / "low"):
        name = file.stem if any((folder / "high").glob(f"{file.stem}.*")) else file.stem.rsplit("_", 1)[0]
        reference = _reference(_partner(file.with_name(name + file.suffix), folder / "high", ("",)), damage)
        yield Case(file.stem, _reference(file, damage), reference)
