"""Choose the fastest precision of a model whose output is as good as in float32."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence

import torch
from torch import Tensor

from restoration.models.shared.contract import Restorer
from restoration.types import Parameters

log = logging.getLogger(__name__)

LEAST_PSNR_DB = 48.0
_SIDE_PX = 64


def check_picture(side_px: int) -> Tensor:
    """Return a picture with slopes, edges, texture and colour, (1, 3, side, side), range [0, 1]."""
    axis = torch.linspace(0, 1, side_px)
    x, y = axis[None, :].expand(side_px, side_px), axis[:, None].expand(side_px, side_px)
    slope = 0.15 + 0.7 * x
    waves = 0.5 + 0.35 * torch.sin(40 * x * (0.3 + y)) * torch.cos(23 * y)
    disc = 0.1 + 0.8 * (((x - 0.5) ** 2 + (y - 0.45) ** 2) < 0.09)
    grain = 0.04 * torch.randn(3, side_px, side_px, generator=torch.Generator().manual_seed(0))
    return (torch.stack([slope, waves, disc]) + grain).clamp(0, 1)[None]


def choose_precision(
    restorer: Restorer, *, device: torch.device, candidates: Sequence[torch.dtype], parameters: Parameters
) -> tuple[Restorer, torch.dtype]:
    """Return a model on the device in the first precision that passes, and that precision.

    A precision passes with an answer at least `LEAST_PSNR_DB` near to that of float32 on the check picture.

    Args:
        restorer: in float32; it is moved to the device, and returned where nothing else passes.
        candidates: from fast to exact; float32 ends the search.
        parameters: all parameters, in model units.
    """
    restorer.to(device=device, dtype=torch.float32)
    if candidates[0] == torch.float32:
        return restorer, torch.float32
    contract = restorer.contract
    side_px = -(-max(_SIDE_PX, contract.size_minimum) // contract.size_multiple) * contract.size_multiple
    image = check_picture(side_px).to(device)
    mask = (image[:, 1:2] > 0.7).float() if contract.needs_mask else None
    reference = _answer(restorer, image, parameters, mask)
    for dtype in candidates:
        if dtype == torch.float32:
            break
        trial = copy.deepcopy(restorer)
        trial.to(device=device, dtype=dtype)
        psnr_db = _psnr_db(_answer(trial, image, parameters, mask), reference)
        if psnr_db >= LEAST_PSNR_DB:
            return trial, dtype
        log.warning("%s is only %.1f dB near to float32; the next precision is tried", dtype, psnr_db)
    return restorer, torch.float32


def _answer(restorer: Restorer, image: Tensor, parameters: Parameters, mask: Tensor | None) -> Tensor:
    with torch.inference_mode():
        return restorer.restore(image, parameters=[parameters], mask=mask).float().clamp(0, 1)


def _psnr_db(answer: Tensor, reference: Tensor) -> float:
    error = float(torch.mean((answer - reference) ** 2))
    return float("inf") if error == 0 else float(-10 * torch.log10(torch.tensor(error)))
