"""What can go wrong in a model's answer, recognised in one place."""

from __future__ import annotations

import torch
from torch import Tensor

from restoration.errors import UnstableOutput


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception means that a device or the host has no memory left."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    # torch's CPU allocator and MPS raise a bare RuntimeError; the text is all there is to tell it by
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("not enough memory", "out of memory", "can't allocate memory")
    )


def check_finite(answer: Tensor) -> None:
    """Refuse an answer that holds NaN or infinity.

    Raises:
        UnstableOutput: at least one value is not finite.
    """
    if not bool(torch.isfinite(answer).all()):
        raise UnstableOutput(
            'The model\'s answer holds values that are not numbers; try precision "exact" or another model.'
        )
