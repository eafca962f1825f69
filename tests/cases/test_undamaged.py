"""A damage that is not there is not repaired, and the user is told."""

from __future__ import annotations

import io

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from restoration import restore
from restoration.diagnosis.sharpness import SHARP, steepness
from restoration.service import undamaged

Samples = npt.NDArray[np.uint8]


def _resized(photo: Samples, width: int, height: int) -> Samples:
    return np.asarray(Image.fromarray(photo).resize((width, height), Image.Resampling.LANCZOS))


def _text() -> Samples:
    page = Image.new("L", (240, 100), 255)
    draw = ImageDraw.Draw(page)
    for top, size in ((4, 11), (24, 14), (50, 20)):
        draw.text((4, top), "The quick brown fox: 0123.456", font=ImageFont.load_default(size), fill=0)
    return np.asarray(page)


_CHELSEA, _COFFEE = _resized(data.chelsea(), 160, 108), _resized(data.coffee(), 160, 108)
_NIGHT: Samples = data.rocket()[180:420, 200:520]


@pytest.mark.parametrize("model", ["resunet-jpeg", "jpeg-deblock"])
@pytest.mark.parametrize("photo", [_CHELSEA, _COFFEE], ids=["chelsea", "coffee"])
def test_photo_that_was_never_compressed_stays(photo: Samples, model: str) -> None:
    result = restore(photo, task="dejpeg", model=model)
    np.testing.assert_array_equal(np.asarray(result.image), photo)
    assert undamaged.NO_COMPRESSION in result.notes


def test_compressed_photo_is_repaired_and_a_given_quality_is_believed() -> None:
    file = io.BytesIO()
    Image.fromarray(_COFFEE).save(file, "JPEG", quality=30)
    blocky = np.asarray(Image.open(file))
    for image, given in ((blocky, {}), (_COFFEE, {"quality": 40})):
        result = restore(image, task="dejpeg", model="jpeg-deblock", **given)
        assert undamaged.NO_COMPRESSION not in result.notes
        assert not np.array_equal(np.asarray(result.image), image)


@pytest.mark.parametrize("image", [_NIGHT, _text()], ids=["lamps at night", "text"])
def test_sharp_picture_is_not_deblurred(image: Samples) -> None:
    result = restore(image, task="deblur")
    np.testing.assert_array_equal(np.asarray(result.image), image)
    assert undamaged.NO_BLUR in result.notes
    assert result.kernel is not None
    assert result.kernel.shape == (1, 1)


@pytest.mark.parametrize("sigma_px", [1.0, 2.0])
@pytest.mark.parametrize("photo", [data.camera(), data.coffee()], ids=["camera", "coffee"])
def test_blurred_picture_is_not_sharp(photo: Samples, sigma_px: float) -> None:
    gray = (photo if photo.ndim == 2 else photo.mean(axis=2)).astype(np.float32) / 255
    sharp, blurred = steepness(gray), steepness(cv2.GaussianBlur(gray, (0, 0), sigma_px))
    shaken = steepness(cv2.blur(gray, (7, 1)))
    assert sharp is not None
    assert blurred is not None
    assert shaken is not None
    assert max(blurred, shaken) < SHARP < sharp


def test_step_between_two_pixels_is_as_steep_as_can_be() -> None:
    step = np.zeros((64, 64), np.float32)
    step[20:44, 20:44] = 1
    assert steepness(step) == 1
    assert steepness(np.full((64, 64), 0.5, np.float32)) is None


def test_photo_without_noise_stays() -> None:
    smooth = cv2.GaussianBlur(_resized(data.coffee(), 256, 192), (0, 0), 2)
    result = restore(smooth, task="denoise")
    np.testing.assert_array_equal(np.asarray(result.image), smooth)
    assert undamaged.NO_NOISE in result.notes


def test_model_without_a_level_says_what_it_assumed() -> None:
    smooth = cv2.GaussianBlur(_resized(data.coffee(), 256, 192), (0, 0), 2)
    notes = restore(smooth, task="denoise", model="median").notes
    assert any(note.startswith("No noise was found; Median") for note in notes)
