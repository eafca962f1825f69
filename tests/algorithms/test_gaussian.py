"""Smoothing by shifted sums is the Gaussian of everybody else."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from restoration.algorithms.gaussian import gaussian_smooth


def test_smoothing_is_that_of_scipy(rng: np.random.Generator) -> None:
    picture = rng.random((20, 30), dtype=np.float32)
    ours = gaussian_smooth(torch.from_numpy(picture)[None, None], 1.0)[0, 0].numpy()
    np.testing.assert_allclose(ours, gaussian_filter(picture, 1.0, mode="nearest", truncate=3.0), atol=1e-6)
