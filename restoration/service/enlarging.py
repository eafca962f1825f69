"""Any output size: the passes of a network that lead there, the last resampling, and how faithful the result is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from restoration.arrays import FloatArray
from restoration.errors import InvalidParameter
from restoration.images import Picture, bleed_alpha
from restoration.metrics import psnr
from restoration.types import Parameters

LARGEST_SCALE = 8.0
_MOST_PASSES = 2
_MOST_DB = 99.9  # of equal pictures: JSON has no infinity


@dataclass(frozen=True)
class Enlargement:
    """How a picture becomes larger.

    Args:
        passes: the network's own factors, one after the other.
        width, height: of the result, in pixels; where the passes lead elsewhere, the last step is resampling.
    """

    passes: tuple[int, ...]
    width: int
    height: int


def plan_enlargement(scales: Sequence[int], parameters: Parameters, *, width: int, height: int) -> Enlargement:
    """Choose the size of the result and the passes to it.

    Args:
        scales: factors that the network has.
        parameters: `scale`, or one of `width_px`, `height_px`, `long_side_px` and `megapixels` where it is not 0.
        width, height: of the input.

    Raises:
        InvalidParameter: two sizes are asked for, or one that is smaller than the input or more than 8 times it.
    """
    factor = _factor(parameters, width=width, height=height)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    large_enough = [scale for scale in scales if scale >= factor - 1e-9]
    passes: tuple[int, ...] = (min(large_enough),) if large_enough else (max(scales),)
    while math.prod(passes) < factor - 1e-9 and len(passes) < _MOST_PASSES and max(scales) > 1:
        rest = factor / math.prod(passes)
        able = [scale for scale in scales if scale >= rest - 1e-9]
        passes = (*passes, min(able) if able else max(scales))
    return Enlargement(passes, *size)


def peak_factor(scales: Sequence[int], parameters: Parameters) -> float:
    """Return how many times wider the largest picture on the way is than the input, for a factor given by `scale`."""
    plan = plan_enlargement(scales, parameters, width=1000, height=1000)
    return max(math.prod(plan.passes), plan.width / 1000)


def resampled(pixels: FloatArray, *, width: int, height: int) -> FloatArray:
    """Return pixels of another size by an antialiased Lanczos filter, clipped to [0, 1]; the same where it fits.

    Args:
        pixels: (H, W, C) or (H, W), range [0, 1].
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    planes = pixels[..., None] if pixels.ndim == 2 else pixels
    resized = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(planes[..., channel])).resize(
                (width, height), Image.Resampling.LANCZOS
            )
        )
        for channel in range(planes.shape[2])
    ]
    whole = np.clip(np.stack(resized, axis=2), 0, 1).astype(np.float32)
    return whole[..., 0] if pixels.ndim == 2 else whole


def consistency_db(result: FloatArray, original: FloatArray) -> float:
    """Return how well the result, shrunk back, gives the original: PSNR in dB, at most 99.9.

    A faithful one has 40 and more. Shrinking is antialiased bicubic interpolation, as in the research papers.
    """
    height, width = original.shape[:2]
    shrunk = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(result[..., c])).resize((width, height), Image.Resampling.BICUBIC)
        )
        for c in range(3)
    ]
    return min(psnr(np.clip(np.stack(shrunk, axis=2), 0, 1), original), _MOST_DB)


def consistency_of(pixels: FloatArray, original: Picture) -> float:
    """Return how well an enlarged picture, shrunk back, gives the original; see `consistency_db`."""
    return consistency_db(pixels, bleed_alpha(original))


_SIZES = {
    "width_px": "The width",
    "height_px": "The height",
    "long_side_px": "The long side",
    "megapixels": "The megapixels",
}


def is_size_given(parameters: Parameters) -> bool:
    """Return whether the size of the result is asked for, instead of a factor."""
    return any(parameters.get(name) for name in _SIZES)


def _factor(parameters: Parameters, *, width: int, height: int) -> float:
    given = [name for name in _SIZES if parameters.get(name)]
    if len(given) > 1:
        titles = " and ".join(_SIZES[name].lower() for name in given)
        raise InvalidParameter(
            f"{titles.capitalize()} cannot be chosen together, as the picture keeps its shape; set all but one to 0.",
            name=given[-1],
        )
    name = given[0] if given else "scale"
    wanted, reached = float(parameters[name]), _reached(name, width=width, height=height)
    factor = math.sqrt(wanted / reached) if name == "megapixels" else wanted / reached
    if not 1 <= factor <= LARGEST_SCALE:
        least, most = _limits(name, reached)
        raise InvalidParameter(
            f"{_SIZES.get(name, 'The factor')} must be from {least} to {most} for a picture of {width}x{height} px, "
            f"which can become at most {LARGEST_SCALE:g} times larger; choose a value in that range.",
            name=name,
        )
    return factor


def _reached(name: str, *, width: int, height: int) -> float:
    """Return what a picture has before it is enlarged of what a parameter asks for."""
    if name == "megapixels":
        return width * height / 1e6
    return {"scale": 1, "width_px": width, "height_px": height, "long_side_px": max(width, height)}[name]


def _limits(name: str, reached: float) -> tuple[str, str]:
    if name == "megapixels":
        return f"{math.ceil(1e3 * reached) / 1e3:g}", f"{math.floor(1e3 * reached * LARGEST_SCALE**2) / 1e3:g}"
    return f"{reached:g}", f"{reached * LARGEST_SCALE:g}"
