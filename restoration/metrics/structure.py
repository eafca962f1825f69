"""Structural similarity."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from restoration.metrics.fidelity import check_shapes


def ssim(
    restored: npt.NDArray[np.floating],
    reference: npt.NDArray[np.floating],
    *,
    data_range: float = 1.0,
    crop_border: int = 0,
) -> float:
    """Return the mean structural similarity with a Gaussian window (11x11, sigma 1.5); 1 is best.

    Computed by scikit-image with population covariance, which leaves out the 5 px where the window would leave the
    picture, as the original code does. Of colour pictures the mean over channels.

    Args:
        restored, reference: equal shapes, (H, W) or (H, W, C), at least 11 px on both sides after cropping.
        data_range: distance between black and white.
        crop_border: pixels left out on every side.

    Raises:
        ValueError: the shapes differ, or too little is left after cropping.

    Reference:
        Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, 2004,
        doi:10.1109/TIP.2003.819861.
    """
    from skimage.metrics import structural_similarity  # slow to import, like HaarPSI's SciPy

    check_shapes(restored, reference, crop_border=crop_border)
    height, width = restored.shape[:2]
    inner = np.s_[crop_border : height - crop_border, crop_border : width - crop_border]
    return float(
        structural_similarity(
            restored[inner].astype(np.float64),
            reference[inner].astype(np.float64),
            data_range=data_range,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=2 if restored.ndim == 3 else None,
        )
    )
