"""What counts as a broken answer of a model, on both sides of each limit."""

from __future__ import annotations

import numpy as np
import pytest

from restoration.engine.local.guard import fault_of

GRAY = np.full((4, 5, 3), 0.5, np.float32)


def _with(value: float) -> np.ndarray:
    """Return a gray answer with one sample of another value."""
    answer = GRAY.copy()
    answer[1, 2, 0] = value
    return answer


@pytest.mark.parametrize("value", [-3.9, -0.5, 0.0, 1.0, 1.5, 4.9])
@pytest.mark.parametrize("is_exact", [False, True])
def test_overshoot_of_less_than_four_is_no_fault(value: float, *, is_exact: bool) -> None:
    assert fault_of(_with(value), GRAY, is_exact=is_exact) is None


@pytest.mark.parametrize(("value", "words"), [(-4.1, "runs from -4.1 to 0.5"), (5.1, "runs from 0.5 to 5.1")])
@pytest.mark.parametrize("is_exact", [False, True])
def test_single_sample_far_outside_is_told_with_the_range(value: float, words: str, *, is_exact: bool) -> None:
    assert fault_of(_with(value), GRAY, is_exact=is_exact) == f"{words} instead of 0 to 1"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("is_exact", [False, True])
def test_single_sample_that_is_no_number_is_a_fault(value: float, *, is_exact: bool) -> None:
    assert fault_of(_with(value), GRAY, is_exact=is_exact) == "holds values that are not numbers"


@pytest.mark.parametrize(
    ("brightest_255", "source_255", "is_exact", "is_fault"),
    [
        (0.9, 17, False, True),
        (1.1, 17, False, False),  # one level of 8 bits is something
        (0.9, 15, False, False),  # a dark picture may come out black
        (0.9, 17, True, False),
    ],
)
def test_black_answer_is_a_fault_in_low_precision_where_the_picture_is_not_dark(
    brightest_255: float, source_255: float, *, is_exact: bool, is_fault: bool
) -> None:
    answer, source = (np.full(GRAY.shape, level / 255, np.float32) for level in (brightest_255, source_255))
    assert (fault_of(answer, source, is_exact=is_exact) is not None) == is_fault
