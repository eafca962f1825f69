"""The example pictures of the page: free photographs from scikit-image, damaged by this project's degradations."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from restoration.arrays import FloatArray, Mask
from restoration.degradations.lowlight import darken
from restoration.degradations.masks import draw_blobs, draw_scratches, draw_text
from restoration.degradations.noise import add_camera_noise, add_gaussian_noise, add_salt_and_pepper
from restoration.degradations.resize import downscale
from restoration.images import quantize

_SEED = 2026
_PHOTOS = ("astronaut", "chelsea", "coffee", "camera", "rocket")
_PAINT: FloatArray = np.asarray([0.93, 0.9, 0.84], dtype=np.float32)


def make_examples() -> dict[str, bytes]:
    """Return the files by name; masks are white where there is something to fill."""
    astronaut, cat, coffee, camera, rocket = (_photo(name) for name in _PHOTOS)
    rng = np.random.default_rng(_SEED)
    files = {
        "denoise-noise.png": _png(add_gaussian_noise(cat, rng=rng, sigma=25 / 255)),
        "denoise-salt-pepper.png": _png(add_salt_and_pepper(coffee, rng=rng, ratio=0.15)),
        "denoise-jpeg.jpg": _jpeg(astronaut, quality=12),
        "sr-1.png": _png(downscale(astronaut[0:400, 56:456], scale=2)),
        "sr-2.png": _png(downscale(cat, scale=2)),
        "sr-3.png": _png(downscale(rocket, scale=3)),
        "lowlight-1.jpg": _jpeg(darken(coffee, rng=rng, stops=4, shot=4e-5, read=1.5e-3), quality=92),
        "lowlight-2.jpg": _jpeg(darken(astronaut, rng=rng, stops=3.5, shot=4e-5, read=1.5e-3), quality=92),
        "lowlight-3.jpg": _jpeg(darken(cat, rng=rng, stops=4.5, shot=2e-5, read=1e-3), quality=92),
    }
    masks = {
        "inpaint-1": (astronaut, draw_scratches(512, 512, rng=rng, count=9, thickness_px=4)),
        "inpaint-2": (coffee, draw_text(400, 600, text="18.07.1998  21:34", lines=3, thickness_px=3)),
        "inpaint-3": (
            camera,
            draw_blobs(512, 512, rng=rng, count=14, radius_px=9)
            | draw_scratches(512, 512, rng=rng, count=5, thickness_px=3),
        ),
    }
    for name, (photo, mask) in masks.items():
        paint = add_camera_noise(np.broadcast_to(_PAINT, photo.shape), rng=rng, shot=0.0, read=0.01)
        files[f"{name}.png"] = _png(np.where(mask[..., None], paint, photo))
        files[f"{name}-mask.png"] = _mask_png(mask)
    return files


def originals_as_files() -> dict[str, bytes]:
    """Return the photographs as they are, for contact sheets, by name."""
    return {f"{name}.png": _png(_photo(name)) for name in _PHOTOS}


def _photo(name: str) -> FloatArray:
    """Return one of scikit-image's photographs as RGB in [0, 1]; it lies inside that package, nothing is fetched."""
    from skimage import data

    samples = np.asarray(getattr(data, name)())
    planes = samples if samples.ndim == 3 else np.repeat(samples[..., None], 3, axis=2)
    return planes.astype(np.float32) / np.float32(255)


def _png(pixels: FloatArray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(quantize(pixels, bit_depth=8)).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _mask_png(mask: Mask) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _jpeg(pixels: FloatArray, *, quality: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(quantize(pixels, bit_depth=8)).save(stream, "JPEG", quality=quality)
    return stream.getvalue()
