"""A job's state: which runs the user may end with what there is."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from restoration.engine.local.job import Answer, Job
from restoration.engine.local.scheduler import Scheduler
from restoration.models.shared.contract import Contract
from restoration.types import Parameters
from tests.engine.local.restorers import Stepwise


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
