from __future__ import annotations

import numpy as np
import pytest

from restoration.engine.local.padding import pad_to_rule


@pytest.mark.parametrize("side", [1, 2, 7, 8, 9, 31])
def test_padded_sides_obey_the_rule_and_keep_the_picture(side: int, rng: np.random.Generator) -> None:
    picture = rng.random((side, 13, 3), dtype=np.float32)
    padded = pad_to_rule(picture, multiple=8, minimum=16)
    assert padded.shape[0] % 8 == 0
    assert min(padded.shape[:2]) >= 16
    np.testing.assert_array_equal(padded[:side, :13], picture)


def test_fitting_picture_is_returned_as_it_is(rng: np.random.Generator) -> None:
    picture = rng.random((16, 24, 3), dtype=np.float32)
    assert pad_to_rule(picture, multiple=8, minimum=16) is picture


def test_padding_mirrors_the_border() -> None:
    picture = np.arange(3, dtype=np.float32).reshape(1, 3, 1)
    assert pad_to_rule(picture, multiple=6, minimum=1)[0, :, 0].tolist() == [0, 1, 2, 2, 1, 0]
    with_margin = pad_to_rule(picture, multiple=1, minimum=1, margins=(0, 0, 2, 5))
    assert with_margin[0, :, 0].tolist() == [1, 0, 0, 1, 2, 2, 1, 0, 0, 1]
