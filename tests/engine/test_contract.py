"""What every engine keeps; another engine is one more entry of `ENGINES`."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest

from restoration.arrays import FloatArray
from restoration.catalogue.manifest import load_manifest
from restoration.catalogue.parameters import complete
from restoration.engine.base import Answer, Engine, JobEvent, JobRequest
from restoration.engine.local.engine import LocalEngine
from restoration.errors import DeadlinePassed, ModelUnavailable
from restoration.types import ParamValue, Progress

MANIFEST = {info.id: info for info in load_manifest()}
ENGINES: dict[str, Callable[[], Engine]] = {"local": lambda: LocalEngine.on("cpu")}


@pytest.fixture(scope="module", params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made = ENGINES[request.param]()
    yield made
    made.close()


def _request(model: str, pixels: FloatArray, **chosen: ParamValue) -> JobRequest:
    return JobRequest(info=MANIFEST[model], parameters=complete(MANIFEST[model], chosen), pixels=pixels)


def _gray(level: float = 0.25, height: int = 40, width: int = 30) -> FloatArray:
    return np.full((height, width, 3), level, np.float32)


def _answer(events: list[JobEvent]) -> Answer:
    assert isinstance(events[-1], Answer)
    return events[-1]


def test_progress_never_falls_and_the_answer_is_last(engine: Engine) -> None:
    events = list(engine.run(_request("lanczos", _gray(), scale=2)))
    fractions = [event.fraction for event in events if isinstance(event, Progress)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    answer = _answer(events)
    np.testing.assert_allclose(answer.pixels, _gray(height=80, width=60), atol=1e-6)
    assert answer.stats.run_s > 0
    assert answer.weights == ""


def test_all_that_goes_in_and_comes_out_can_be_pickled(engine: Engine, rng: np.random.Generator) -> None:
    request = dataclasses.replace(
        _request("richardson-lucy", rng.random((40, 30, 3), np.float32), iterations=2, blur="gaussian"),
        kernel=np.full((3, 3), 1 / 9, np.float32),
        has_preview=True,
    )
    copy = pickle.loads(pickle.dumps(request))
    assert copy.info == request.info
    assert copy.parameters == request.parameters
    events = list(engine.run(copy))
    copies = [pickle.loads(pickle.dumps(event)) for event in events]
    assert [type(event) for event in copies] == [type(event) for event in events]
    np.testing.assert_array_equal(_answer(copies).pixels, _answer(list(engine.run(request))).pixels)


def test_mask_marks_what_is_filled(engine: Engine) -> None:
    pixels, mask = _gray(), np.zeros((40, 30), np.bool_)
    mask[10:20, 10:20] = True
    pixels[mask] = 1
    request = dataclasses.replace(_request("telea", pixels), mask=mask)
    np.testing.assert_allclose(_answer(list(engine.run(request))).pixels, _gray(), atol=1 / 255)


def test_job_without_time_is_given_up_and_the_next_works(engine: Engine) -> None:
    request = _request("lanczos", _gray(), scale=2)
    with pytest.raises(DeadlinePassed):
        list(engine.run(dataclasses.replace(request, seconds_left=0.0)))
    assert _answer(list(engine.run(dataclasses.replace(request, seconds_left=60.0)))).pixels.shape == (80, 60, 3)


def test_model_that_cannot_be_loaded_is_told_by_the_events(engine: Engine) -> None:
    absent = dataclasses.replace(MANIFEST["lanczos"], id="absent", factory="absent_library:build")
    job = engine.run(dataclasses.replace(_request("lanczos", _gray(), scale=2), info=absent))
    with pytest.raises(ModelUnavailable, match="does not import"):
        next(job)


def _endless() -> JobRequest:
    return _request("deep-image-prior", _gray(0.5, 64, 64), iterations=20_000, minutes=60, sigma=25)


def test_closed_job_leaves_the_engine_to_others(engine: Engine) -> None:
    with closing(engine.run(_endless())) as job:
        assert any(isinstance(event, Progress) for event in job)
    with pytest.raises(StopIteration):
        next(job)
    assert _answer(list(engine.run(_request("lanczos", _gray(), scale=2)))).pixels.shape == (80, 60, 3)


def test_taken_job_ends_with_what_it_has(engine: Engine) -> None:
    job = engine.run(_endless())
    job.take()
    assert "Taken after" in _answer(list(job)).notes[-1]


def test_jobs_at_once_get_their_own_answers(engine: Engine) -> None:
    def level(number: int) -> float:
        return number / 10

    def run(number: int) -> Answer:
        return _answer(list(engine.run(_request("lanczos", _gray(level(number)), scale=2))))

    with ThreadPoolExecutor(6) as pool:
        for number, answer in enumerate(pool.map(run, range(6))):
            np.testing.assert_allclose(answer.pixels, level(number), atol=1e-6)
