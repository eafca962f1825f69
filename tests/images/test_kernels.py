"""Pictures of blur kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from restoration.images import read_kernel, write_kernel


@pytest.mark.parametrize("ending", ["png", "tiff"])
def test_written_kernel_is_read_again(ending: str, tmp_path: Path, rng: np.random.Generator) -> None:
    kernel = rng.random((5, 9)).astype(np.float32)
    kernel /= kernel.sum()
    file = write_kernel(kernel, tmp_path / f"kernel.{ending}")
    np.testing.assert_allclose(read_kernel(file), kernel, atol=2 / 65535)
