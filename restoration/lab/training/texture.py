"""Texture loss: compare the distribution of patches, regardless of their position.

Pixels reward the mean of all textures that could have been there, which is flat. Sorted, the responses of a region to
a filter tell which ones occur in it and how often; a fill that has the same responses has the same texture, be it at
other places.

Reference:
    Heitz et al., A Sliced Wasserstein Loss for Neural Texture Synthesis, 2021, arXiv:2006.07229 (there of VGG19's
    features, here of 5x5 patches at two sizes).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_SIDE_PX = 5
_SIZES = (1, 2)
_DIRECTIONS = 48  # of the 72 that a colour patch without its mean has
_SEED = 71


def texture_distance(restored: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """Return the sliced Wasserstein distance between the patches round the lost pixels of two pictures, a scalar.

    It is the mean absolute difference of sorted responses, in the units of the pictures, to fixed random directions of
    length one in the space of 5x5 patches without their mean colour, at full and half size, picture by picture.

    Args:
        restored, reference: (B, 3, H, W), H and W even.
        mask: (B, 1, H, W), 1 = lost; pictures without such pixels do not count.
    """
    directions = _directions().to(restored)
    distances = []
    for size in _SIZES:
        ours, theirs = (
            functional.conv2d(functional.avg_pool2d(picture, size), directions, padding=_SIDE_PX // 2).flatten(2)
            for picture in (restored, reference)
        )
        lost = functional.max_pool2d(mask, size).flatten(1) > 0.5
        for number, places in enumerate(lost):
            if bool(places.any()):
                found, wanted = (responses[number][:, places].sort(dim=1).values for responses in (ours, theirs))
                distances.append((found - wanted).abs().mean())
    return torch.stack(distances).mean() if distances else restored.new_zeros(())


def _directions() -> Tensor:
    """Return orthonormal filters without a response to flat colours, (directions, 3, side, side)."""
    drawn = torch.randn(_DIRECTIONS, 3, _SIDE_PX, _SIDE_PX, generator=torch.Generator().manual_seed(_SEED))
    centred = (drawn - drawn.mean(dim=(2, 3), keepdim=True)).flatten(1)
    return torch.linalg.qr(centred.T).Q.T.reshape(drawn.shape).contiguous()
