"""A job's state: how large its tiles are, and which runs the user may end with what there is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from restoration.engine.local.job import Answer, Job
from restoration.engine.local.job_state import tile_side
from restoration.engine.local.scheduler import Scheduler
from restoration.models.shared.contract import Contract
from restoration.types import Parameters
from tests.engine.local.restorers import Identity, Stepwise


class TiledSteps(Stepwise):
    """Reach the answer in four steps on each tile; run out of memory above a number of pixels."""

    contract = Contract(tiling="supported", is_iterative=True, overlap_px=4)

    def __init__(self, most_pixels: int = 10**9) -> None:
        super().__init__()
        self.most_pixels = most_pixels
        self.steps_done = 0

    def steps(
        self, image: Tensor, *, parameters: Parameters, mask: Tensor | None = None, kernel: Tensor | None = None
    ) -> Iterator[tuple[float, Tensor]]:
        if image.shape[2] * image.shape[3] > self.most_pixels:
            raise torch.OutOfMemoryError("out of memory")
        for number in range(1, 5):
            self.steps_done += 1
            yield number / 4, image * number / 4


@pytest.mark.parametrize(("tile_px", "most_pixels"), [(64, 10**9), (None, 100 * 70)], ids=["tiles", "split for memory"])
def test_picture_in_several_tiles_cannot_be_taken_halfway(
    rng: np.random.Generator, tile_px: int | None, most_pixels: int
) -> None:
    """What was taken of one tile would be pasted beside finished ones."""
    pixels, take, scheduler = (
        rng.random((70, 130, 3), dtype=np.float32),
        threading.Event(),
        Scheduler(torch.device("cpu")),
    )
    take.set()
    restorer = TiledSteps(most_pixels)
    *_, answer = scheduler.run(Job(restorer, pixels, {}, tile_px=tile_px, take=take))
    scheduler.close()
    assert isinstance(answer, Answer)
    assert answer.stats.tiles > 1
    assert restorer.steps_done == 4 * answer.stats.tiles
    np.testing.assert_allclose(answer.pixels, pixels, atol=1e-6)
    assert answer.notes == ()
    assert take.is_set()


@pytest.mark.parametrize(
    ("size", "asked_px", "contract", "expected_px"),
    [
        ((100, 90), None, {}, 100),
        ((128, 128), None, {}, 128),  # as much as the budget below holds
        ((128, 129), None, {}, 128),
        ((300, 200), None, {}, 128),
        ((300, 200), 96, {}, 96),
        ((300, 200), 96, {"tiling": "internal"}, 300),
        ((300, 200), 96, {"tiling": "discouraged"}, 128),
        ((120, 130), 96, {"tiling": "discouraged"}, 130),
        ((100, 90), None, {"cpu_tile_px": 64}, 64),
        ((100, 90), None, {"cpu_tile_px": 64, "cpu_whole_px": 95}, 100),
        ((100, 91), None, {"cpu_tile_px": 64, "cpu_whole_px": 95}, 64),
        ((300, 200), None, {"cpu_tile_px": 256}, 128),
        ((300, 200), None, {"activation_bytes_per_pixel": 0.0}, 300),
        ((300, 200), None, {"activation_bytes_per_pixel": 400.0}, 64),
        ((300, 200), None, {"activation_bytes_per_pixel": 1e9}, 64),  # never smaller
    ],
)
def test_tile_is_as_large_as_memory_and_the_model_allow(
    size: tuple[int, int],
    asked_px: int | None,
    contract: dict[str, Any],
    expected_px: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("restoration.engine.local.job_state.activation_budget_bytes", lambda _: 128**2 * 100)
    restorer = Identity(Contract(**{"activation_bytes_per_pixel": 100.0, **contract}))
    job = Job(restorer, np.zeros((*size, 3), np.float32), {}, tile_px=asked_px)
    assert tile_side(job, torch.device("cpu"))[0] == expected_px


def test_half_precision_takes_half_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restoration.engine.local.job_state.activation_budget_bytes", lambda _: 128**2 * 100)
    restorer = Identity(Contract(activation_bytes_per_pixel=400.0))
    job = Job(restorer, np.zeros((300, 200, 3), np.float32), {}, dtype=torch.bfloat16)
    assert tile_side(job, torch.device("cpu")) == (64, ())  # 90 px, in steps of 64
    job = Job(Identity(Contract(activation_bytes_per_pixel=200.0)), job.pixels, {}, dtype=torch.bfloat16)
    assert tile_side(job, torch.device("cpu")) == (128, ())
