from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from restoration.devices.precision import check_picture, choose_precision
from restoration.models.shared.contract import Contract, Restorer
from restoration.types import Parameters

CPU = torch.device("cpu")
BOTH = (torch.float16, torch.bfloat16, torch.float32)


class Rough(Restorer):
    """Answer with an error that depends on the precision."""

    contract = Contract(dtypes=BOTH, size_multiple=8)

    def __init__(self, error: dict[torch.dtype, float]) -> None:
        self.error = error
        self.dtype = torch.float32

    def to(self, *, device: torch.device, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        return image * 0.5 + 0.25 + self.error.get(self.dtype, 0.0)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ({}, torch.float16),
        ({torch.float16: 0.003}, torch.float16),  # 50.5 dB
        ({torch.float16: 0.005}, torch.bfloat16),  # 46 dB
        ({torch.float16: float("nan"), torch.bfloat16: 0.001}, torch.bfloat16),
        ({torch.float16: 0.1, torch.bfloat16: 0.1}, torch.float32),
    ],
)
def test_first_precision_of_at_least_48_db_is_taken(errors: dict[torch.dtype, float], expected: torch.dtype) -> None:
    restorer, dtype = choose_precision(Rough(errors), device=CPU, candidates=BOTH, parameters={})
    assert dtype is expected
    assert restorer.dtype is expected  # type: ignore[attr-defined]


def test_weights_of_the_float32_model_are_never_rounded() -> None:
    class Weighted(Rough):
        def __init__(self) -> None:
            super().__init__({})
            self.weight = torch.tensor([1 / 3])

        def to(self, *, device: torch.device, dtype: torch.dtype) -> None:
            super().to(device=device, dtype=dtype)
            self.weight = self.weight.to(dtype)

        def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
            return image * self.weight.float() if self.dtype == torch.float32 else image * 0

    restorer, dtype = choose_precision(Weighted(), device=CPU, candidates=BOTH, parameters={})
    assert dtype is torch.float32
    assert float(restorer.weight) == float(torch.tensor(1 / 3))  # type: ignore[attr-defined]


def test_check_picture_has_all_tones_and_is_always_the_same() -> None:
    picture = check_picture(64)
    assert picture.shape == (1, 3, 64, 64)
    assert float(picture.min()) < 0.1
    assert float(picture.max()) > 0.9
    assert torch.equal(picture, check_picture(64))
