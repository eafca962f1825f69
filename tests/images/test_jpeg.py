"""The tables of a JPEG file, as libjpeg writes them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from restoration.images.jpeg import jpeg_table


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 51, 75, 95, 100])
def test_table_of_a_quality_is_the_one_that_libjpeg_writes(quality: int) -> None:
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, "JPEG", quality=quality)
    with Image.open(stream) as image:
        np.testing.assert_array_equal(jpeg_table(quality), image.quantization[0])
