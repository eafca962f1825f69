"""Noise as cameras leave it in their JPEG files: made in the raw picture of a sensor, and developed with it.

What is developed is the difference that noise makes, so that without noise a picture stays exactly what it was.

Reference:
    Brooks et al., Unprocessing Images for Learned Raw Denoising, 2019, arXiv:1811.11127 (the way back to the raw
    picture, the shape of the tone curve);
    Guo et al., Toward Convolutional Blind Denoising of Real Photographs, 2019, arXiv:1807.04686 (what follows it).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from restoration.arrays import FloatArray
from restoration.degradations.demosaic import Demosaicing, demosaic, mosaic

_XYZ_FROM_SRGB = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_CAMERAS_FROM_XYZ = np.array(
    [
        [[0.4716, 0.0603, -0.0830], [-0.7798, 1.5474, 0.2480], [-0.1496, 0.1937, 0.6651]],
        [[0.7457, -0.0671, -0.0937], [-0.4849, 1.2495, 0.2643], [-0.1213, 0.2354, 0.5492]],
        [[0.7866, -0.2108, -0.0555], [-0.4869, 1.2483, 0.2681], [-0.1176, 0.2069, 0.7501]],
        [[0.5271, -0.0712, -0.0347], [-0.6153, 1.3653, 0.2763], [-0.1601, 0.2366, 0.7242]],
    ]
)
"""As their makers' raw files are read: Canon 5D Mark II and 80D, Nikon D800, Sony A7 II."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_CURVE_POINTS = 2048
_RED_GAIN, _BLUE_GAIN = (1.5, 2.6), (1.3, 2.4)
_BLOWN = 0.97
_CALM_DETAIL = 6 / 255
_STRONGEST_RESCALING = 10.0


@dataclass(frozen=True)
class Camera:
    """How a camera sees and develops.

    Args:
        from_srgb: (3, 3), linear sRGB to its own colours; rows have sum 1.
        gains: of red and blue, for white balance.
        contrast: share of an S-curve after the gamma of sRGB, 0 to 1.
        pedestal: signal, in white, at which the noise of reading equals that of light.
        demosaicing: how the mosaic is filled.
        luma_px: deviation of the smoothing of brightness; 0 for none.
        luma_share: how much of it is smoothed away from edges, 0 to 1.
        chroma_px: deviation of the smoothing of colour; 0 for none.
        chroma_share: how much of it is smoothed.
        colour: what remains of the noise of colour, at every width, 0 to 1.
        calm_share: how much of all noise is taken out of calm places, where it would be seen, 0 to 1.
        sharpen_px: deviation of the unsharp mask.
        sharpening: its amount; 0 for none.
        is_blown: the sensor is full where the picture is white, and shows no noise there.
    """

    from_srgb: npt.NDArray[np.float64]
    gains: tuple[float, float]
    contrast: float = 0.0
    pedestal: float = 1e-3
    demosaicing: Demosaicing = "malvar"
    luma_px: float = 0.0
    luma_share: float = 1.0
    chroma_px: float = 0.0
    chroma_share: float = 1.0
    colour: float = 1.0
    calm_share: float = 0.0
    sharpen_px: float = 1.0
    sharpening: float = 0.0
    is_blown: bool = False


def draw_camera(*, rng: np.random.Generator) -> Camera:
    """Draw a camera out of all that there may be."""
    mixed = np.einsum("n,nij->ij", rng.dirichlet(np.ones(len(_CAMERAS_FROM_XYZ))), _CAMERAS_FROM_XYZ)
    from_srgb = mixed @ _XYZ_FROM_SRGB
    draw = rng.random()
    smooths = rng.random() < 0.75
    return Camera(
        from_srgb=from_srgb / from_srgb.sum(axis=1, keepdims=True),
        gains=(float(rng.uniform(*_RED_GAIN)), float(rng.uniform(*_BLUE_GAIN))),
        contrast=float(rng.uniform(0, 0.7)),
        pedestal=float(np.exp(rng.uniform(np.log(1e-4), np.log(5e-2)))),
        demosaicing="malvar" if draw < 0.4 else "edge-aware" if draw < 0.8 else "bilinear",
        luma_px=float(rng.uniform(0.6, 1.5)) if smooths else 0.0,
        luma_share=float(rng.uniform(0.3, 1)),
        chroma_px=float(rng.uniform(0.6, 2.3)) if rng.random() < 0.85 else 0.0,
        chroma_share=float(rng.uniform(0.7, 1)),
        colour=float(rng.uniform(0.6, 1)),
        calm_share=float(rng.uniform(0.2, 0.85)) if rng.random() < 0.75 else 0.0,
        sharpen_px=float(rng.uniform(0.6, 1.5)),
        sharpening=float(rng.uniform(0, 1)) if rng.random() < 0.6 else 0.0,
        is_blown=bool(rng.random() < 0.5),
    )


def add_sensor_noise(
    image: FloatArray, *, rng: np.random.Generator, sigma: float, camera: Camera | None = None
) -> FloatArray:
    """Add the noise of a sensor, developed as a camera does.

    Args:
        image: (H, W, 3), range [0, 1].
        sigma: root mean square of what is added, in [0, 1] units, before values are clipped; 0 for none.
        camera: None draws one.

    Returns:
        The noisy picture, clipped to [0, 1].
    """
    if sigma == 0:
        return image
    camera = camera or draw_camera(rng=rng)
    height, width = image.shape[:2]
    padded = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    curve = _Curve(camera.contrast)
    linear = curve.invert(padded)
    noise = _linear_noise(linear, camera, rng)
    slope = curve.slope(linear)
    wanted = _strength_before(camera) * sigma / max(_rms(noise * slope), 1e-9)
    noise = curve(linear + np.float32(wanted) * noise) - padded
    noise = _process(noise, padded, camera)[:height, :width]
    factor = sigma / max(_rms(noise), 1e-9)
    noise *= np.float32(np.clip(factor, 1 / _STRONGEST_RESCALING, _STRONGEST_RESCALING))
    return np.clip(image + noise, 0, 1)


class _Curve:
    """The way from linear light to a picture's values, and back: the gamma of sRGB, then a share of an S-curve."""

    def __init__(self, contrast: float) -> None:
        self._linear = np.linspace(0, 1, _CURVE_POINTS) ** 2.4  # dense in the shadows
        encoded = np.where(self._linear <= 0.0031308, 12.92 * self._linear, 1.055 * self._linear ** (1 / 2.4) - 0.055)
        self._values = encoded + contrast * (3 * encoded**2 - 2 * encoded**3 - encoded)
        self._slopes = np.gradient(self._values, self._linear)

    def __call__(self, linear: FloatArray) -> FloatArray:
        return np.interp(linear, self._linear, self._values).astype(np.float32)

    def invert(self, values: FloatArray) -> FloatArray:
        return np.interp(values, self._values, self._linear).astype(np.float32)

    def slope(self, linear: FloatArray) -> FloatArray:
        return np.interp(linear, self._linear, self._slopes).astype(np.float32)


def _linear_noise(linear: FloatArray, camera: Camera, rng: np.random.Generator) -> FloatArray:
    """Return noise in linear sRGB, (H, W, 3), of a light at which white has noise of about 1 %."""
    gains = np.array([camera.gains[0], 1.0, camera.gains[1]])
    to_raw = (camera.from_srgb / gains[:, None]).astype(np.float32)
    raw = mosaic(np.clip(linear @ to_raw.T, 0, 1))
    phase = rng.integers(0, 2, 2)
    raw = np.roll(raw, tuple(phase), (0, 1))
    deviation = np.float32(0.01) * np.sqrt(raw + np.float32(camera.pedestal))
    noise = deviation * rng.standard_normal(raw.shape, dtype=np.float32)
    if camera.demosaicing == "edge-aware":
        full = demosaic(raw + noise, kind="edge-aware") - demosaic(raw, kind="edge-aware")
    else:
        full = demosaic(noise, kind=camera.demosaicing)
    full = np.roll(full, tuple(-phase), (0, 1))
    back = np.linalg.inv(to_raw.astype(np.float64)).astype(np.float32)
    developed = full @ back.T
    if camera.is_blown:
        full_well = linear.min(axis=2, keepdims=True)
        developed *= np.clip((1 - full_well) / (1 - _BLOWN), 0, 1)
    return np.asarray(developed, dtype=np.float32)


def _process(noise: FloatArray, image: FloatArray, camera: Camera) -> FloatArray:
    """Return noise (H, W, 3) after the camera's own smoothing and sharpening; smoothing stops at edges."""
    luma = noise @ _LUMA
    chroma = np.float32(camera.colour) * (noise - luma[..., None])
    if camera.chroma_px:
        chroma += np.float32(camera.chroma_share) * (_blur(chroma, camera.chroma_px) - chroma)
    if camera.luma_px:
        flat = _flatness(image @ _LUMA)
        luma = luma + np.float32(camera.luma_share) * flat * (_blur(luma, camera.luma_px) - luma)
    if camera.sharpening:
        luma = luma + np.float32(camera.sharpening) * (luma - _blur(luma, camera.sharpen_px))
    processed = chroma + luma[..., None]
    if camera.calm_share:
        processed *= 1 - np.float32(camera.calm_share) * _calmness(image @ _LUMA)[..., None]
    return processed


def _calmness(luma: FloatArray) -> FloatArray:
    """Return 1 where there is no texture, near 0 where there is much, (H, W)."""
    detail = luma - _blur(luma, 2.0)
    return np.asarray(1 / (1 + _blur(detail**2, 3.0) / np.float32(_CALM_DETAIL**2)), dtype=np.float32)


def _flatness(luma: FloatArray) -> FloatArray:
    """Return 1 where a picture is flat, less along edges, (H, W)."""
    smooth = _blur(luma, 1.0)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=0.125)
    return np.asarray(1 / (1 + (across**2 + down**2) / np.float32(0.02**2)), dtype=np.float32)


def _strength_before(camera: Camera) -> float:
    """Return about how much stronger noise is before `_process` than after it."""
    kept = 1 - camera.luma_share * (1 - 1 / (1 + 3.5 * camera.luma_px)) if camera.luma_px else 1.0
    return float(1.3 / (kept * (1 + 0.6 * camera.sharpening)))


def _blur(planes: FloatArray, radius_px: float) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(planes, (0, 0), radius_px, borderType=cv2.BORDER_REFLECT_101), dtype=np.float32)


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2)))
