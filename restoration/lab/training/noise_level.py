"""Train the noise-level network on photographs with noise put in: white, of sensors, and of film."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save
from torch import nn
from torch.nn import functional

from restoration.arrays import FloatArray
from restoration.degradations.real_noise import Levels, add_noise_and_measure, leave_clean
from restoration.diagnosis.noise import FEATURES, LEVELS, features, to_log
from restoration.errors import InvalidRequest
from restoration.images import gray_of
from restoration.lab.training.dataset import find_photos, load_photo

log = logging.getLogger(__name__)

_MAX_SIDE_PX = 1440
_LARGEST_SIGMA_255 = 65.0
_FAINT_RANGE_255 = (0.7, 20.0)
_HIDDEN = 96
_EPOCHS = 120
_BATCH = 256
_HELD_OUT = 10
_SIDES_PX = (24, 384)
_SMALL_SHARE = 0.3
_CLEAN_SHARE = 0.2
_BLUR = 0.1
"""Deviation of what is added to the features, in units of theirs, lest the network learn samples by heart."""
_MOST_IN_VAIN = 200


def make_samples(folders: Sequence[Path], *, count: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return features (count, F) and what the network should say (count, L), from photographs of the folders.

    Raises:
        InvalidRequest: a folder is absent, holds no pictures, or too small ones only.
    """
    files = find_photos(folders)
    rng = np.random.default_rng(seed)
    rows: list[FloatArray] = []
    targets: list[list[float]] = []
    vain = 0
    while len(rows) < count:
        found = len(rows)
        photo = load_photo(files[int(rng.integers(len(files)))], max_side_px=_MAX_SIDE_PX, multiple=1)
        for _ in range(4):
            clean = _piece(photo, rng)
            noisy, levels = _noisy(clean, rng)
            row = features(noisy)
            if row is not None:
                rows.append(row)
                targets.append([to_log(255 * level) for level in levels])
        vain = 0 if len(rows) > found else vain + 1
        if vain > _MOST_IN_VAIN:
            raise InvalidRequest(
                "No noise can be measured in these photographs; use larger ones, 64 px and more a side."
            )
        if len(rows) % 1000 < 4:
            log.info("%d samples", len(rows))
    return np.stack(rows), np.asarray(targets, dtype=np.float32)


def fit(rows: FloatArray, targets: FloatArray, *, seed: int) -> tuple[bytes, float]:
    """Train the network and return its weights file and its mean error of the logarithm on every tenth sample."""
    torch.manual_seed(seed)
    held = np.arange(len(rows)) % _HELD_OUT == 0
    x, y = torch.from_numpy(rows[~held]), torch.from_numpy(targets[~held])
    mean, deviation = x.mean(0), x.std(0).clamp(min=1e-3)
    network = nn.Sequential(
        nn.Linear(FEATURES, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, LEVELS)
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-3)
    steps = _EPOCHS * (len(x) // _BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        chosen = torch.randint(len(x), (_BATCH,), generator=generator)
        seen = (x[chosen] - mean) / deviation
        said = network(seen + _BLUR * torch.randn(seen.shape, generator=generator))
        loss = functional.smooth_l1_loss(said, y[chosen], beta=0.1)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        first = network[0]
        assert isinstance(first, nn.Linear)
        first.bias.sub_(first.weight @ (mean / deviation))
        first.weight.div_(deviation)  # the file's network takes the features as they are
        error = float((network(torch.from_numpy(rows[held])) - torch.from_numpy(targets[held])).abs().mean())
    return save({name: tensor.contiguous() for name, tensor in network.state_dict().items()}), error


def _piece(photo: npt.NDArray[np.uint8], rng: np.random.Generator) -> FloatArray:
    """Cut a piece, now and then enlarged (as cameras interpolate) or shrunk, or gray."""
    smallest, largest = _SIDES_PX
    side = round(smallest * (largest / smallest) ** float(rng.random())) if rng.random() < _SMALL_SHARE else largest
    zoom = float(rng.uniform(1.2, 2.5)) if rng.random() < 0.4 else float(rng.uniform(0.6, 1.0))
    cut = min(max(16, round(side / zoom)), *photo.shape[:2])
    top, left = (int(rng.integers(length - cut + 1)) for length in photo.shape[:2])
    piece = photo[top : top + cut, left : left + cut]
    if zoom != 1:
        kind = cv2.INTER_CUBIC if zoom > 1 else cv2.INTER_AREA
        piece = np.asarray(cv2.resize(piece, None, fx=zoom, fy=zoom, interpolation=kind), dtype=np.uint8)
    pixels = np.rot90(piece, int(rng.integers(4))).astype(np.float32) / np.float32(255)
    if rng.random() < 0.15:
        pixels = np.repeat(gray_of(pixels)[..., None], 3, axis=2)
    exposure = float(rng.uniform(0.3, 1.0)) if rng.random() < 0.3 else 1.0
    return np.ascontiguousarray(pixels * np.float32(exposure))


def _noisy(clean: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, Levels]:
    """Return the piece with noise, or as it is, and its true levels."""
    if rng.random() < _CLEAN_SHARE:
        return leave_clean(clean, rng=rng)[0], (0.0, 0.0)
    is_gray = bool(np.ptp(clean, axis=2).max() == 0)
    if rng.random() < 0.5:
        sigma = _LARGEST_SIGMA_255 / 255 * float(rng.random()) ** 1.7
    else:
        sigma = float(np.exp(rng.uniform(*np.log(_FAINT_RANGE_255)))) / 255
    noisy, levels = add_noise_and_measure(clean, rng=rng, sigma=sigma)
    if is_gray:
        noisy = np.repeat(noisy[..., :1], 3, axis=2)
    return noisy, levels
