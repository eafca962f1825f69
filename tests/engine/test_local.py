from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from restoration.engine.local import Answer, Job, LocalEngine
from restoration.errors import OutOfMemory, UnstableOutput
from restoration.models.base import Contract, Restorer
from restoration.types import Parameters, Progress, Queued

CPU = torch.device("cpu")
WAIT_S = 20


class Identity(Restorer):
    """Give the input back, enlarged by repeating pixels where the contract has a scale; remember tile sizes."""

    def __init__(self, contract: Contract | None = None) -> None:
        self.contract = Contract() if contract is None else contract
        self.seen: list[tuple[int, int]] = []

    def restore(self, image: Tensor, *, parameters: Parameters, mask: Tensor | None = None) -> Tensor:
        self.seen.append((image.shape[2], image.shape[3]))
        scale = self.contract.scale
        return image.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)


class BoxBlur(Restorer):
    """Blur with a box of radius 20, so that tiles without overlap would show seams."""

    radius_px = 20

    def __init__(self, *, overlap_px: int) -> None:
        self.contract = Contract(overlap_px=overlap_px)

    def restore(self, image: Tensor, *, parameters: Parameters, mask: Tensor | None = None) -> Tensor:
        side = 2 * self.radius_px + 1
        padded = functional.pad(image, [self.radius_px] * 4, mode="replicate")
        return functional.avg_pool2d(padded, side, stride=1)


class Gated(Restorer):
    """Iterate until the test opens the gate; count the steps done."""

    contract = Contract(tiling="internal")

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.first_step = threading.Event()
        self.steps_done = 0

    def restore(self, image: Tensor, *, parameters: Parameters, mask: Tensor | None = None) -> Tensor:
        return image

    def steps(
        self, image: Tensor, *, parameters: Parameters, mask: Tensor | None = None
    ) -> Iterator[tuple[float, Tensor]]:
        for number in range(1, 101):
            self.first_step.set()
            assert self.gate.wait(WAIT_S)
            self.steps_done = number
            yield number / 100, image


class Hungry(Identity):
    """Run out of memory above a number of pixels."""

    def __init__(self, most_pixels: int, error: type[Exception] = torch.OutOfMemoryError) -> None:
        super().__init__(Contract(overlap_px=4))
        self.most_pixels = most_pixels
        self.error = error

    def restore(self, image: Tensor, *, parameters: Parameters, mask: Tensor | None = None) -> Tensor:
        if image.shape[2] * image.shape[3] > self.most_pixels:
            raise self.error("out of memory")
        return super().restore(image, parameters=parameters, mask=mask)


@pytest.fixture
def engine() -> LocalEngine:
    return LocalEngine(CPU)


def _answer(engine: LocalEngine, job: Job) -> Answer:
    events = list(engine.run(job))
    assert isinstance(events[-1], Answer)
    return events[-1]


def _picture(rng: np.random.Generator, height: int = 150, width: int = 201) -> np.ndarray:
    return rng.random((height, width, 3), dtype=np.float32)


@pytest.mark.parametrize("size", [(1, 1), (1, 97), (13, 1), (64, 64), (101, 203)])
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("tile_px", [None, 64])
def test_identity_model_gives_the_input_back(
    engine: LocalEngine, rng: np.random.Generator, size: tuple[int, int], scale: int, tile_px: int | None
) -> None:
    pixels = _picture(rng, *size)
    contract = Contract(scale=scale, size_multiple=8, size_minimum=16, overlap_px=5)
    answer = _answer(engine, Job(Identity(contract), pixels, {}, tile_px=tile_px))
    expected = pixels.repeat(scale, axis=0).repeat(scale, axis=1)
    np.testing.assert_allclose(answer.pixels, expected, atol=1e-6)


def test_tiles_obey_the_size_rule(engine: LocalEngine, rng: np.random.Generator) -> None:
    restorer = Identity(Contract(size_multiple=8, size_minimum=40, overlap_px=3))
    _answer(engine, Job(restorer, _picture(rng), {}, tile_px=50))
    assert len(restorer.seen) > 1
    assert all(side % 8 == 0 and side >= 40 for size in restorer.seen for side in size)


def test_tiled_output_equals_whole_image_where_the_overlap_covers_the_model(
    engine: LocalEngine, rng: np.random.Generator
) -> None:
    pixels = _picture(rng)
    whole = _answer(engine, Job(BoxBlur(overlap_px=20), pixels, {})).pixels
    tiled = _answer(engine, Job(BoxBlur(overlap_px=20), pixels, {}, tile_px=64))
    assert tiled.stats.tiles > 1
    np.testing.assert_allclose(tiled.pixels, whole, atol=1e-5)


def test_blended_tiles_are_within_60_db_of_the_whole_image(engine: LocalEngine, rng: np.random.Generator) -> None:
    pixels = _picture(rng, 300, 300)
    whole = _answer(engine, Job(BoxBlur(overlap_px=90), pixels, {})).pixels
    tiled = _answer(engine, Job(BoxBlur(overlap_px=90), pixels, {}, tile_px=160)).pixels
    assert -10 * np.log10(np.mean((tiled - whole) ** 2)) >= 60


def test_progress_rises_to_one_and_the_answer_is_last(engine: LocalEngine, rng: np.random.Generator) -> None:
    events = list(engine.run(Job(Identity(), _picture(rng), {}, tile_px=64)))
    fractions = [event.fraction for event in events if isinstance(event, Progress)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert isinstance(events[-1], Answer)


def test_two_jobs_take_turns(engine: LocalEngine, rng: np.random.Generator) -> None:
    slow = Gated()
    long_job = engine.run(Job(slow, _picture(rng), {}))
    first = threading.Thread(target=lambda: next(long_job))
    first.start()
    assert slow.first_step.wait(WAIT_S)
    short = engine.run(Job(Identity(), _picture(rng), {}))
    assert next(short) == Queued(1)
    slow.gate.set()
    assert isinstance(list(short)[-1], Answer)
    first.join(WAIT_S)
    long_job.close()


def test_closed_job_stops_before_its_next_step(engine: LocalEngine, rng: np.random.Generator) -> None:
    slow = Gated()
    slow.gate.set()
    with closing(engine.run(Job(slow, _picture(rng), {}))) as events:
        next(events)
    _answer(engine, Job(Identity(), _picture(rng), {}))
    done = slow.steps_done
    _answer(engine, Job(Identity(), _picture(rng), {}))
    assert slow.steps_done == done < 100


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError, RuntimeError])
def test_out_of_memory_halves_the_tile_and_gives_the_right_answer(
    engine: LocalEngine, rng: np.random.Generator, error: type[Exception]
) -> None:
    pixels = _picture(rng, 400, 300)
    answer = _answer(engine, Job(Hungry(120 * 120, error), pixels, {}))
    np.testing.assert_allclose(answer.pixels, pixels, atol=1e-6)


def test_out_of_memory_with_the_smallest_tile_fails_clearly_and_the_next_job_works(
    engine: LocalEngine, rng: np.random.Generator
) -> None:
    with pytest.raises(OutOfMemory, match="smaller picture"):
        _answer(engine, Job(Hungry(0), _picture(rng), {}))
    _answer(engine, Job(Identity(), _picture(rng), {}))


def test_answer_with_nan_is_refused_and_the_next_job_works(engine: LocalEngine, rng: np.random.Generator) -> None:
    class Broken(Identity):
        def restore(self, image: Tensor, *, parameters: Parameters, mask: Tensor | None = None) -> Tensor:
            return image * float("nan")

    with pytest.raises(UnstableOutput, match="not numbers"):
        _answer(engine, Job(Broken(), _picture(rng), {}))
    _answer(engine, Job(Identity(), _picture(rng), {}))


def test_unforeseen_error_reaches_the_caller_and_the_worker_lives_on(
    engine: LocalEngine, rng: np.random.Generator
) -> None:
    class Faulty(Identity):
        def restore(self, image: Tensor, *, parameters: Parameters, mask: Tensor | None = None) -> Tensor:
            raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        _answer(engine, Job(Faulty(), _picture(rng), {}))
    _answer(engine, Job(Identity(), _picture(rng), {}))


def test_mask_reaches_the_model_in_step_with_the_tile(engine: LocalEngine, rng: np.random.Generator) -> None:
    class Painter(Identity):
        def restore(self, image: Tensor, *, parameters: Parameters, mask: Tensor | None = None) -> Tensor:
            assert mask is not None
            return image * (1 - mask)

    pixels = _picture(rng)
    mask = rng.random(pixels.shape[:2]) > 0.5
    answer = _answer(engine, Job(Painter(Contract(needs_mask=True)), pixels, {}, mask=mask, tile_px=64))
    np.testing.assert_allclose(answer.pixels, pixels * ~mask[..., None], atol=1e-6)
