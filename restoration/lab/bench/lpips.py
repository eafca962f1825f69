"""LPIPS, a learned perceptual distance, if the library `lpips` and its backbone are available.

Reference:
    Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, 2018, arXiv:1801.03924.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from restoration.errors import ModelUnavailable

Distance = Callable[[npt.NDArray[np.floating], npt.NDArray[np.floating]], float]

_LEAST_SIDE_PX = 64  # AlexNet halves the picture five times


def open_lpips() -> Distance:
    """Return the LPIPS distance (AlexNet, version 0.1) between two pictures, (H, W, 3) or (H, W), range [0, 255].

    Raises:
        ModelUnavailable: the library is not installed, or the backbone can be neither found nor downloaded.
    """
    try:
        from lpips import LPIPS
    except ImportError as error:
        message = "LPIPS is left out: run `pip install lpips` to have it."
        raise ModelUnavailable(message, model="lpips") from error
    try:
        network = LPIPS(net="alex", verbose=False).eval()
    except (OSError, RuntimeError) as error:  # torchvision downloads the backbone
        message = f"LPIPS is left out: its backbone AlexNet cannot be downloaded ({error}); connect once."
        raise ModelUnavailable(message, model="lpips") from error

    def distance(ours: npt.NDArray[np.floating], theirs: npt.NDArray[np.floating]) -> float:
        with torch.inference_mode():
            return float(network(_tensor(ours), _tensor(theirs)))

    return distance


def _tensor(picture: npt.NDArray[np.floating]) -> torch.Tensor:
    """Return a picture as (1, 3, H, W) in [-1, 1], continued where it is too small for the backbone."""
    colours = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture
    below, right = (max(0, _LEAST_SIDE_PX - side) for side in colours.shape[:2])
    continued = np.pad(colours, ((0, below), (0, right), (0, 0)), mode="symmetric")
    return torch.from_numpy(continued.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
