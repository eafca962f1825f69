from __future__ import annotations

import gc
import itertools
import random
import threading
import time
import weakref
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from restoration.catalogue.manifest import load_manifest
from restoration.catalogue.parameters import complete
from restoration.catalogue.registry import Loaded, Registry
from restoration.engine.base import JobRequest
from restoration.engine.local.engine import LocalEngine
from restoration.engine.local.job import Answer, Job
from restoration.engine.local.scheduler import Scheduler
from restoration.errors import DeadlinePassed, OutOfMemory, UnstableOutput
from restoration.models.shared.contract import Contract, Restorer
from restoration.types import Parameters, Progress, Queued
from tests.engine.local.restorers import WAIT_S, BoxBlur, Hungry, Identity, Stepwise, Watched

CPU = torch.device("cpu")
BICUBIC = next(info for info in load_manifest() if info.id == "bicubic")


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    made = Scheduler(CPU)
    yield made
    made.close()


def _answer(scheduler: Scheduler, job: Job) -> Answer:
    events = list(scheduler.run(job))
    assert isinstance(events[-1], Answer)
    return events[-1]


def _picture(rng: np.random.Generator, height: int = 150, width: int = 201) -> np.ndarray:
    return rng.random((height, width, 3), dtype=np.float32)


class _Paused:
    """Hold the worker inside a first job until the test has submitted others."""

    def __init__(self, scheduler: Scheduler, rng: np.random.Generator) -> None:
        self.slow = Stepwise()
        self._events = scheduler.run(Job(self.slow, _picture(rng, 8, 8), {}))
        self._first = threading.Thread(target=lambda: next(self._events))
        self._first.start()
        assert self.slow.first_step.wait(WAIT_S)

    def go_on(self) -> None:
        self.slow.gate.set()
        self._first.join(WAIT_S)
        self._events.close()


# --- tiles


@pytest.mark.parametrize("size", [(1, 1), (1, 97), (13, 1), (64, 64), (101, 203), (7, 600)])
def test_identity_model_gives_the_input_back(
    scheduler: Scheduler, rng: np.random.Generator, size: tuple[int, int]
) -> None:
    pixels = _picture(rng, *size)
    for scale, tile_px, overlap_px in itertools.product([1, 2, 3, 4], [None, 64], [0, 5, 90]):
        contract = Contract(scale=scale, size_multiple=8, size_minimum=16, overlap_px=overlap_px)
        answer = _answer(scheduler, Job(Identity(contract), pixels, {}, tile_px=tile_px))
        expected = pixels.repeat(scale, axis=0).repeat(scale, axis=1)
        np.testing.assert_allclose(answer.pixels, expected, atol=3e-6, err_msg=f"{scale=} {tile_px=} {overlap_px=}")


def test_tiles_obey_the_size_rule(scheduler: Scheduler, rng: np.random.Generator) -> None:
    restorer = Identity(Contract(size_multiple=8, size_minimum=40, overlap_px=3))
    _answer(scheduler, Job(restorer, _picture(rng), {}, tile_px=50))
    assert len(restorer.seen) > 1
    assert all(side % 8 == 0 and side >= 40 for shape in restorer.seen for side in shape[2:])


def test_tiled_output_equals_whole_image_where_the_overlap_covers_the_model(
    scheduler: Scheduler, rng: np.random.Generator
) -> None:
    pixels = _picture(rng)
    whole = _answer(scheduler, Job(BoxBlur(overlap_px=12), pixels, {})).pixels
    tiled = _answer(scheduler, Job(BoxBlur(overlap_px=12), pixels, {}, tile_px=64))
    assert tiled.stats.tiles > 1
    np.testing.assert_allclose(tiled.pixels, whole, atol=1e-5)


def test_blended_tiles_are_within_60_db_of_the_whole_image(scheduler: Scheduler, rng: np.random.Generator) -> None:
    pixels = _picture(rng, 300, 300)
    whole = _answer(scheduler, Job(BoxBlur(overlap_px=90), pixels, {})).pixels
    tiled = _answer(scheduler, Job(BoxBlur(overlap_px=90), pixels, {}, tile_px=160)).pixels
    assert -10 * np.log10(np.mean((tiled - whole) ** 2)) >= 60


def test_model_that_should_not_be_tiled_runs_whole_or_says_so(
    scheduler: Scheduler, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = Contract(tiling="discouraged", activation_bytes_per_pixel=100.0)
    pixels = _picture(rng, 200, 200)
    whole = _answer(scheduler, Job(Identity(contract), pixels, {}, tile_px=64))
    assert (whole.stats.tiles, whole.notes) == (1, ())
    monkeypatch.setattr("restoration.engine.local.job_state.activation_budget_bytes", lambda _: 128 * 128 * 100)
    tiled = _answer(scheduler, Job(Identity(contract), pixels, {}))
    assert tiled.stats.tiles > 1
    assert "split into tiles" in tiled.notes[0]


def test_mask_reaches_the_model_in_step_with_the_tile(scheduler: Scheduler, rng: np.random.Generator) -> None:
    class Painter(Identity):
        def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
            assert mask is not None
            return image * (1 - mask)

    pixels = _picture(rng)
    mask = rng.random(pixels.shape[:2]) > 0.5
    answer = _answer(scheduler, Job(Painter(Contract(needs_mask=True)), pixels, {}, mask=mask, tile_px=64))
    np.testing.assert_allclose(answer.pixels, pixels * ~mask[..., None], atol=1e-6)


# --- events


def test_progress_rises_to_one_and_the_answer_is_last(scheduler: Scheduler, rng: np.random.Generator) -> None:
    events = list(scheduler.run(Job(Identity(), _picture(rng), {}, tile_px=64)))
    progress = [event for event in events if isinstance(event, Progress)]
    fractions = [event.fraction for event in progress]
    assert fractions == sorted(fractions)
    assert progress[0] == Progress(0.0, "Restoring")
    assert fractions[-1] == 1
    assert all(event.eta_s is not None and event.eta_s >= 0 for event in progress[1:])
    assert progress[-1].eta_s == 0
    assert isinstance(events[-1], Answer)


def test_preview_comes_while_the_job_runs(
    scheduler: Scheduler, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restoration.engine.local.job_state._PREVIEW_EVERY_S", 0.0)
    pixels = _picture(rng)
    events = list(scheduler.run(Job(Identity(), pixels, {}, tile_px=64, has_preview=True)))
    previews = [event.preview for event in events if isinstance(event, Progress) and event.preview is not None]
    assert len(previews) > 1
    np.testing.assert_allclose(previews[-1] / 255, pixels, atol=0.01)


def test_iterative_method_shows_each_step(scheduler: Scheduler, rng: np.random.Generator) -> None:
    slow = Stepwise()
    slow.gate.set()
    pixels = _picture(rng, 20, 20)
    events = list(scheduler.run(Job(slow, pixels, {}, has_preview=True)))
    assert len([event for event in events if isinstance(event, Progress) and event.fraction]) == 100
    np.testing.assert_allclose(events[-1].pixels, pixels, atol=1e-6)  # type: ignore[union-attr]


def test_taken_run_ends_with_the_answer_of_its_latest_step(scheduler: Scheduler, rng: np.random.Generator) -> None:
    take = threading.Event()

    class TakenAtStep40(Stepwise):
        def steps(
            self, image: Tensor, *, parameters: Parameters, mask: Tensor | None = None, kernel: Tensor | None = None
        ) -> Iterator[tuple[float, Tensor]]:
            for step in super().steps(image, parameters=parameters, mask=mask, kernel=kernel):
                if self.steps_done == 40:
                    take.set()
                yield step

    slow, pixels = TakenAtStep40(), _picture(rng, 20, 20)
    slow.gate.set()
    answer = list(scheduler.run(Job(slow, pixels, {}, take=take)))[-1]
    assert isinstance(answer, Answer)
    assert slow.steps_done == 40
    np.testing.assert_allclose(answer.pixels, pixels * 40 / 100, atol=1e-6)
    assert answer.notes == ("Taken after 40 % of the work.",)
    assert not take.is_set()


def test_taking_before_the_first_step_takes_the_first(scheduler: Scheduler, rng: np.random.Generator) -> None:
    slow, take = Stepwise(), threading.Event()
    slow.gate.set()
    take.set()
    _answer(scheduler, Job(slow, _picture(rng, 20, 20), {}, take=take))
    assert slow.steps_done == 1


# --- fairness and batches


def test_tile_of_another_job_runs_between_two_steps(scheduler: Scheduler, rng: np.random.Generator) -> None:
    paused = _Paused(scheduler, rng)
    steps_before: list[int] = []
    short = scheduler.run(
        Job(Watched(lambda _: steps_before.append(paused.slow.steps_done)), _picture(rng, 20, 20), {})
    )
    assert next(short) == Queued(1)
    paused.slow.gate.set()
    assert isinstance(list(short)[-1], Answer)
    assert steps_before == [1]
    paused.go_on()


def test_two_jobs_take_turns_by_the_time_that_each_has_had(
    scheduler: Scheduler, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s, order, started, go_on = [0.0], "", threading.Event(), threading.Event()
    monkeypatch.setattr("restoration.engine.local.scheduler.time", SimpleNamespace(perf_counter=lambda: now_s[0]))

    def spend(name: str, seconds: float) -> None:
        nonlocal order
        order += name
        started.set()
        assert go_on.wait(WAIT_S)
        now_s[0] += seconds

    slow, quick = (Watched(lambda _, told=told: spend(*told)) for told in (("A", 10.0), ("B", 4.0)))
    with ThreadPoolExecutor() as pool:
        first = pool.submit(_answer, scheduler, Job(slow, _picture(rng, 50, 128), {}, tile_px=64))
        assert started.wait(WAIT_S)
        second = pool.submit(_answer, scheduler, Job(quick, _picture(rng, 50, 256), {}, tile_px=64))
        while scheduler.backlog_pixels < 50 * (128 + 256):
            threading.Event().wait(0.001)
        go_on.set()
        tiles = [each.result(WAIT_S).stats.tiles for each in (first, second)]
    assert tiles == [3, 5]
    assert order == "ABBBABBA"  # after three of 4 s, B has had 12 s and A 10 s


def test_small_job_does_not_wait_for_a_huge_one(scheduler: Scheduler, rng: np.random.Generator) -> None:
    started, go_on = threading.Event(), threading.Event()

    def hold_the_first_tile(number: int) -> None:
        started.set()
        assert go_on.wait(WAIT_S)

    huge = Watched(hold_the_first_tile)
    with ThreadPoolExecutor() as pool:
        long = pool.submit(_answer, scheduler, Job(huge, _picture(rng, 640, 640), {}, tile_px=64))
        assert started.wait(WAIT_S)
        done_then: list[int] = []
        small = Watched(lambda _: done_then.append(huge.calls))
        short = pool.submit(_answer, scheduler, Job(small, _picture(rng, 60, 60), {}))
        while scheduler.backlog_pixels < 640 * 640 + 60 * 60:
            threading.Event().wait(0.001)
        go_on.set()
        short.result(WAIT_S)
        long.result(WAIT_S)
    assert done_then[0] <= 2


def test_equal_tiles_of_several_users_share_a_batch_and_come_out_as_alone(
    scheduler: Scheduler, rng: np.random.Generator
) -> None:
    class Gain(Identity):
        def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
            gains = torch.tensor([float(each["gain"]) for each in parameters]).reshape(-1, 1, 1, 1)
            return super().restore(image, parameters=parameters) * gains

    restorer = Gain(Contract(cpu_tile_px=128))
    pictures = [_picture(rng, 64, 64) for _ in range(6)]
    paused = _Paused(scheduler, rng)
    with ThreadPoolExecutor() as pool:
        jobs = [Job(restorer, picture, {"gain": 0.1 * (number + 1)}) for number, picture in enumerate(pictures)]
        answers = [pool.submit(_answer, scheduler, job) for job in jobs]
        while scheduler.backlog_pixels < 6 * 64 * 64:
            threading.Event().wait(0.001)
        paused.go_on()
        for number, (picture, answer) in enumerate(zip(pictures, answers, strict=True)):
            np.testing.assert_allclose(answer.result(WAIT_S).pixels, picture * 0.1 * (number + 1), atol=1e-6)
    assert max(shape[0] for shape in restorer.seen) == 4  # 4 pictures of 64x64 make one unit of 128x128


def test_batch_waits_for_company_only_while_others_run(rng: np.random.Generator) -> None:
    scheduler = Scheduler(CPU, gather_s=WAIT_S)
    with closing(scheduler):
        started_s = time.perf_counter()
        _answer(scheduler, Job(Identity(Contract(cpu_tile_px=128)), _picture(rng, 64, 64), {}))
        assert time.perf_counter() - started_s < WAIT_S / 2


# --- out of memory


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError, RuntimeError])
@pytest.mark.parametrize("overlap_px", [4, 40])
def test_out_of_memory_cuts_the_tile_and_gives_the_right_answer(
    scheduler: Scheduler, rng: np.random.Generator, error: type[Exception], overlap_px: int
) -> None:
    pixels = _picture(rng, 400, 300)
    contract = Contract(overlap_px=overlap_px, size_multiple=8)
    answer = _answer(scheduler, Job(Hungry(120 * 120, error, contract), pixels, {}))
    np.testing.assert_allclose(answer.pixels, pixels, atol=1e-6)


@pytest.mark.parametrize("index", range(12))
def test_out_of_memory_at_any_call_leaves_the_right_answer(
    scheduler: Scheduler, rng: np.random.Generator, index: int
) -> None:
    def fail_once(number: int) -> None:
        if number == index:
            raise torch.OutOfMemoryError("out of memory")

    pixels = _picture(rng, 200, 260)
    restorer = Watched(fail_once, Contract(overlap_px=30, size_multiple=4))
    answer = _answer(scheduler, Job(restorer, pixels, {}, tile_px=96))
    assert restorer.calls > index
    np.testing.assert_allclose(answer.pixels, pixels, atol=1e-6)


def test_tile_that_proved_too_large_is_not_tried_again(scheduler: Scheduler, rng: np.random.Generator) -> None:
    failures = []

    class Counting(Hungry):
        def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
            if image.shape[2] * image.shape[3] > self.most_pixels:
                failures.append(tuple(image.shape))
            return super().restore(image, parameters=parameters, mask=mask)

    _answer(scheduler, Job(Counting(60 * 60), _picture(rng, 400, 400), {}, tile_px=100))
    assert len(failures) == 1


def test_out_of_memory_of_a_batch_is_tried_in_halves(scheduler: Scheduler, rng: np.random.Generator) -> None:
    restorer = Hungry(2 * 64 * 64, contract=Contract(cpu_tile_px=128))
    pictures = [_picture(rng, 64, 64) for _ in range(4)]
    paused = _Paused(scheduler, rng)
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(_answer, scheduler, Job(restorer, picture, {})) for picture in pictures]
        while scheduler.backlog_pixels < 4 * 64 * 64:
            threading.Event().wait(0.001)
        paused.go_on()
        for picture, answer in zip(pictures, answers, strict=True):
            np.testing.assert_allclose(answer.result(WAIT_S).pixels, picture, atol=1e-6)
    assert [shape[0] for shape in restorer.seen] == [2, 2]


@pytest.mark.parametrize("tiling", ["supported", "internal"])
def test_out_of_memory_with_the_smallest_tile_fails_clearly_and_the_next_job_works(
    scheduler: Scheduler, rng: np.random.Generator, tiling: str
) -> None:
    contract = Contract(tiling=tiling, overlap_px=4)  # type: ignore[arg-type]
    with pytest.raises(OutOfMemory, match="smaller picture"):
        _answer(scheduler, Job(Hungry(0, contract=contract), _picture(rng), {}))
    _answer(scheduler, Job(Identity(), _picture(rng), {}))


# --- bad answers


class Broken(Identity):
    """Spoil the answer of the tile number that the test asks for."""

    def __init__(self, spoil: float, *, at: int = 0) -> None:
        super().__init__(Contract(overlap_px=4))
        self.spoil = spoil
        self.at = at

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        answer = super().restore(image, parameters=parameters)
        return answer * self.spoil if len(self.seen) - 1 == self.at else answer


FAULTS = [(float("nan"), "not numbers"), (float("inf"), "not numbers"), (1e6, "instead of 0 to 1"), (0.0, "is black")]


@pytest.mark.parametrize(("spoil", "words"), FAULTS[:3])
def test_bad_answer_in_float32_fails_clearly_and_the_next_job_works(
    scheduler: Scheduler, rng: np.random.Generator, spoil: float, words: str
) -> None:
    with pytest.raises(UnstableOutput, match=words):
        _answer(scheduler, Job(Broken(spoil), _picture(rng), {}))
    _answer(scheduler, Job(Identity(), _picture(rng), {}))


@pytest.mark.parametrize(("spoil", "words"), FAULTS)
@pytest.mark.parametrize("at", [0, 5])
def test_bad_answer_in_low_precision_is_done_again_in_float32(
    scheduler: Scheduler, rng: np.random.Generator, spoil: float, words: str, at: int
) -> None:
    pixels = _picture(rng)
    exact = Identity(Contract(overlap_px=4))
    job = Job(Broken(spoil, at=at), pixels, {}, dtype=torch.bfloat16, exact=lambda: exact, tile_px=64)
    answer = _answer(scheduler, job)
    np.testing.assert_allclose(answer.pixels, pixels, atol=1e-6)
    assert answer.stats.dtype == "float32"
    assert exact.seen


class BrokenSteps(Stepwise):
    """Spoil the answers of the steps that the test asks for."""

    def __init__(self, broken: Container[int]) -> None:
        super().__init__()
        self.gate.set()
        self.broken = broken

    def steps(self, image: Tensor, **given: Any) -> Iterator[tuple[float, Tensor]]:
        for number, (fraction, answer) in enumerate(super().steps(image, **given)):
            yield fraction, answer * float("nan") if number in self.broken else answer


@pytest.mark.parametrize("broken", [range(100), (0,), (40,), (99,)], ids=["all", "first", "middle", "last"])
def test_iterative_method_with_a_bad_step_begins_anew_in_float32(
    scheduler: Scheduler, rng: np.random.Generator, broken: Container[int]
) -> None:
    pixels = _picture(rng, 20, 20)
    job = Job(BrokenSteps(broken), pixels, {}, dtype=torch.bfloat16, exact=lambda: BrokenSteps(()))
    answer = _answer(scheduler, job)
    np.testing.assert_allclose(answer.pixels, pixels, atol=1e-6)
    assert (answer.stats.dtype, answer.stats.tiles) == ("float32", 1)


def test_failure_to_load_the_float32_twin_reaches_the_user(scheduler: Scheduler, rng: np.random.Generator) -> None:
    def fail() -> Identity:
        raise MemoryError

    with pytest.raises(OutOfMemory):
        _answer(scheduler, Job(Broken(0.0), _picture(rng), {}, dtype=torch.bfloat16, exact=fail))
    _answer(scheduler, Job(Identity(), _picture(rng), {}))


def test_black_answer_of_float32_is_believed(scheduler: Scheduler, rng: np.random.Generator) -> None:
    assert not _answer(scheduler, Job(Broken(0.0), _picture(rng), {})).pixels.any()
    low = Job(Broken(0.0), _picture(rng), {}, dtype=torch.bfloat16, exact=lambda: Broken(0.0))
    answer = _answer(scheduler, low)
    assert (answer.stats.dtype, answer.pixels.any()) == ("float32", False)


def test_dark_picture_may_come_out_black(scheduler: Scheduler) -> None:
    pixels = np.full((20, 20, 3), 0.01, np.float32)
    assert _answer(scheduler, Job(Broken(0.0), pixels, {})).pixels.max() == 0


def test_unforeseen_error_reaches_the_caller_and_the_worker_lives_on(
    scheduler: Scheduler, rng: np.random.Generator
) -> None:
    def fail(number: int) -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        _answer(scheduler, Job(Watched(fail), _picture(rng), {}))
    _answer(scheduler, Job(Identity(), _picture(rng), {}))


def test_preview_for_which_there_is_no_memory_does_not_end_the_worker(
    scheduler: Scheduler, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(pixels: np.ndarray) -> None:
        raise MemoryError

    monkeypatch.setattr("restoration.engine.local.job_state.Preview", no_memory)
    pixels = _picture(rng)
    np.testing.assert_array_equal(_answer(scheduler, Job(Identity(), pixels, {}, has_preview=True)).pixels, pixels)


def test_fault_of_the_scheduler_itself_ends_its_jobs_and_not_its_worker(
    scheduler: Scheduler, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Scheduler, ready: object) -> None:
        raise KeyError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(Scheduler, "_collect", fail)
        with pytest.raises(KeyError, match="a bug"):
            _answer(scheduler, Job(Identity(), _picture(rng), {}))
    _answer(scheduler, Job(Identity(), _picture(rng), {}))


def test_bad_job_of_a_batch_does_not_hurt_the_others(scheduler: Scheduler, rng: np.random.Generator) -> None:
    class Picky(Identity):
        def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
            if any(each["bad"] for each in parameters):
                raise ValueError("a bad parameter")
            return super().restore(image, parameters=parameters)

    restorer = Picky(Contract(cpu_tile_px=256))
    pictures = [_picture(rng, 64, 64) for _ in range(4)]
    paused = _Paused(scheduler, rng)
    with ThreadPoolExecutor() as pool:
        jobs = [Job(restorer, picture, {"bad": number == 2}) for number, picture in enumerate(pictures)]
        answers = [pool.submit(_answer, scheduler, job) for job in jobs]
        while scheduler.backlog_pixels < 4 * 64 * 64:
            threading.Event().wait(0.001)
        paused.go_on()
        for number, (picture, answer) in enumerate(zip(pictures, answers, strict=True)):
            if number == 2:
                with pytest.raises(ValueError, match="a bad parameter"):
                    answer.result(WAIT_S)
            else:
                np.testing.assert_allclose(answer.result(WAIT_S).pixels, picture, atol=1e-6)


# --- cancel, deadline, close


def test_closed_job_stops_before_its_next_step(scheduler: Scheduler, rng: np.random.Generator) -> None:
    slow = Stepwise()
    slow.gate.set()
    with closing(scheduler.run(Job(slow, _picture(rng), {}))) as events:
        next(events)
    _answer(scheduler, Job(Identity(), _picture(rng), {}))
    done = slow.steps_done
    _answer(scheduler, Job(Identity(), _picture(rng), {}))
    assert slow.steps_done == done < 100


@pytest.mark.parametrize("after", range(6))
def test_job_cancelled_at_any_tile_does_no_further_one_and_frees_its_picture(
    scheduler: Scheduler, rng: np.random.Generator, after: int
) -> None:
    restorer = Watched(lambda _: None)
    pixels = _picture(rng, 200, 200)
    held = weakref.ref(pixels)
    events = scheduler.run(Job(restorer, pixels, {}, tile_px=64))
    for _ in range(after):
        next(events)
    events.close()
    del events, pixels
    _answer(scheduler, Job(Identity(), _picture(rng), {}))
    calls = restorer.calls
    _answer(scheduler, Job(Identity(), _picture(rng), {}))
    assert restorer.calls == calls
    gc.collect()
    assert held() is None
    assert scheduler.backlog_pixels == 0


def test_job_past_its_deadline_is_given_up_and_the_next_works(scheduler: Scheduler, rng: np.random.Generator) -> None:
    late = time.perf_counter()
    with pytest.raises(DeadlinePassed, match="time limit"):
        _answer(scheduler, Job(Identity(), _picture(rng), {}, deadline_s=late))
    in_time = time.perf_counter() + 3600
    _answer(scheduler, Job(Identity(), _picture(rng), {}, deadline_s=in_time))


def test_closing_the_scheduler_ends_its_thread_and_its_runs(rng: np.random.Generator) -> None:
    scheduler = Scheduler(CPU)
    paused = _Paused(scheduler, rng)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(_answer, scheduler, Job(Identity(), _picture(rng), {}))
        while scheduler.backlog_pixels < 150 * 201:
            threading.Event().wait(0.001)
        closed = pool.submit(scheduler.close)
        paused.slow.gate.set()
        closed.result(WAIT_S)
        outcome = waiting.exception(WAIT_S)
    assert outcome is None or "closed" in str(outcome)
    assert not any(thread.name == "engine-cpu" and thread.is_alive() for thread in [scheduler._worker])
    with pytest.raises(RuntimeError, match="closed"):
        next(scheduler.run(Job(Identity(), _picture(rng), {})))


def test_stress_of_mixed_jobs_with_random_cancels_leaves_nothing_behind(rng: np.random.Generator) -> None:
    before = set(threading.enumerate())
    scheduler = Scheduler(CPU)
    dice = random.Random(5)  # noqa: S311 - a test's order, not a secret
    restorers = [
        Identity(Contract(overlap_px=4, cpu_tile_px=96)),
        Identity(Contract(scale=2, overlap_px=40, size_multiple=8, cpu_tile_px=64)),
        Hungry(64 * 64),
        Broken(0.0, at=10**9),
    ]
    held: list[weakref.ref[np.ndarray]] = []

    def one(seed: int) -> str:
        local = np.random.default_rng(seed)
        restorer = restorers[seed % len(restorers)]
        pixels = _picture(local, int(local.integers(1, 260)), int(local.integers(1, 260)))
        held.append(weakref.ref(pixels))
        events = scheduler.run(Job(restorer, pixels, {}, has_preview=seed % 2 == 0))
        patience = dice.choice([0, 1, 2, 5, 10**6, 10**6])
        for count, event in enumerate(events):
            if isinstance(event, Answer):
                scale = restorer.contract.scale
                expected = pixels.repeat(scale, axis=0).repeat(scale, axis=1)
                np.testing.assert_allclose(event.pixels, expected, atol=1e-6)
                return "done"
            if count >= patience:
                events.close()
                return "cancelled"
        raise AssertionError("no answer came")

    with ThreadPoolExecutor(max_workers=8) as pool:
        outcomes = list(pool.map(one, range(50)))
    assert outcomes.count("done") >= 10
    scheduler.close()
    assert scheduler.backlog_pixels == 0
    assert set(threading.enumerate()) <= before
    gc.collect()
    assert [each for each in held if each() is not None] == []


# --- several devices


def _engine(restorer: Restorer, devices: Sequence[torch.device]) -> LocalEngine:
    """Return an engine whose catalogue knows one model."""
    engine = LocalEngine(devices)
    registry = SimpleNamespace(load=lambda *_, **__: Loaded(restorer, torch.float32, "abc"))
    engine._registries = dict.fromkeys(engine._registries, cast("Registry", registry))
    return engine


def _request(rng: np.random.Generator) -> JobRequest:
    return JobRequest(info=BICUBIC, parameters=complete(BICUBIC, {}), pixels=_picture(rng))


def test_engine_sends_a_job_to_the_device_with_least_work(rng: np.random.Generator) -> None:
    slow = Stepwise()
    busy, idle = torch.device("cpu"), torch.device("cpu", 0)
    engine = _engine(slow, [busy, idle])
    assert engine.least_busy() == busy
    with closing(engine.run(_request(rng))) as events:
        first = threading.Thread(target=lambda: next(events))
        first.start()
        assert slow.first_step.wait(WAIT_S)
        assert engine.least_busy() == idle
        slow.gate.set()
        first.join(WAIT_S)
    engine.close()


def test_method_without_a_device_runs_on_the_host(rng: np.random.Generator) -> None:
    engine = _engine(Identity(Contract(runs_on_device=False)), [torch.device("meta")])
    answer = list(engine.run(_request(rng)))[-1]
    assert isinstance(answer, Answer)
    assert answer.stats.device == "cpu"
    assert answer.weights == "abc"
    engine.close()


@pytest.mark.parametrize("tile_px", [None, 64])
def test_picture_is_continued_beyond_its_border_for_models_that_need_it(
    scheduler: Scheduler, rng: np.random.Generator, tile_px: int | None
) -> None:
    class ZeroPadded(Identity):
        def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
            self.seen.append(tuple(image.shape))
            return torch.nn.functional.avg_pool2d(image, 3, stride=1, padding=1)

    flat = np.full((100, 130, 3), 0.5, np.float32)
    restorer = ZeroPadded(Contract(overlap_px=2, border_px=2, size_multiple=2))
    answer = _answer(scheduler, Job(restorer, flat, {}, tile_px=tile_px))
    np.testing.assert_allclose(answer.pixels, flat, atol=1e-6)
    with_edges = _answer(scheduler, Job(ZeroPadded(Contract(overlap_px=2)), flat, {}, tile_px=tile_px))
    assert with_edges.pixels.min() < 0.3
