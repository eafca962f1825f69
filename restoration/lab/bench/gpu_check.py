"""Eight minutes on a machine with an accelerator: is every network right there, what when memory ends, how fast is it?

Each built-in network restores one picture on the device, exactly and as the page would, and on the CPU in float32.
Then the device's memory is cut until a large picture no longer fits, and two pictures are restored at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from skimage import data

from restoration.arrays import FloatArray
from restoration.lab.bench.report import circumstances
from restoration.service.door import Service
from restoration.types import Done, ModelInfo, RestoreRequest, RestoreResult, Task, as_mapping

LEAST_EXACT_DB = 60.0
"""float32 on the device against float32 on the CPU."""
LEAST_FAST_DB = 48.0
"""The precision that is chosen there against float32 on the CPU; what `devices.precision` promises."""
_SIDE_PX = 256
_LARGE_PX = 3072
_FEW_ITERATIONS = 3
_MEMORY_SHARE = 0.02

Precision = Literal["auto", "exact"]


@dataclass(frozen=True)
class Parity:
    """One network on the device.

    Args:
        exact_db, fast_db: PSNR of float32 and of the precision chosen, against float32 on the CPU; capped at 120.
        first_s, warm_s: seconds of the first run, with loading, and of the second one, in the precision chosen.
    """

    task: str
    model: str
    dtype: str
    exact_db: float
    fast_db: float
    first_s: float
    warm_s: float

    @property
    def is_right(self) -> bool:
        """Tell whether both are near enough."""
        return self.exact_db >= LEAST_EXACT_DB and self.fast_db >= LEAST_FAST_DB


def check_device(
    device: str, *, budget_s: float, models: Sequence[str] = (), progress: Callable[[str], None]
) -> dict[str, Any]:
    """Return everything that was found, ready for JSON; `faults` is empty where all is right.

    Args:
        device: "cuda", "cuda:1", "mps", or "cpu" to try the check itself.
        budget_s: seconds; models that would begin later are named as left out.
        models: ids; empty for all built-in networks.
    """
    started_s = time.perf_counter()
    host, there = Service(device="cpu"), Service(device=device)
    rows: list[Parity] = []
    left_out: list[str] = []
    for task, info in _networks(there, models):
        if time.perf_counter() - started_s > budget_s:
            left_out.append(info.id)
            continue
        progress(f"{task}: {info.id}")
        rows.append(parity(host, there, task, info))
    faults = [
        f"{row.model}: {row.exact_db:.1f} dB exact, {row.fast_db:.1f} dB fast" for row in rows if not row.is_right
    ]
    progress("memory")
    memory = check_memory(there, device)
    progress("two at once")
    together = check_two_at_once(there)
    faults += [name for name, found in (("memory", memory), ("two at once", together)) if not found["is_right"]]
    return {
        "title": f"Built-in networks on {device}",
        "device": _name_of(device),
        **circumstances(),
        "parity": [asdict(row) for row in rows],
        "left_out": left_out,
        "memory": memory,
        "two_at_once": together,
        "faults": faults,
    }


def parity(host: Service, there: Service, task: Task, info: ModelInfo) -> Parity:
    """Restore one picture on both devices and compare."""
    request = _request(task, info, _picture(_SIDE_PX), precision="exact")
    expected = _run(host, request)[0].answer
    exact = _run(there, request)[0].answer
    fast_request = _request(task, info, _picture(_SIDE_PX), precision="auto")
    fast, first_s = _run(there, fast_request)
    _, warm_s = _run(there, fast_request)
    return Parity(
        task=task.value,
        model=info.id,
        dtype=fast.stats.dtype,
        exact_db=psnr_db(exact, expected),
        fast_db=psnr_db(fast.answer, expected),
        first_s=round(first_s, 3),
        warm_s=round(warm_s, 3),
    )


def check_memory(service: Service, device: str) -> dict[str, Any]:
    """Cut the device's memory until a large picture does not fit; it has to come out all the same, in smaller tiles."""
    if not device.startswith("cuda"):
        return {"is_right": True, "note": "only CUDA lets its memory be cut"}
    info = _first(service, Task.DENOISE)
    request = _request(Task.DENOISE, info, _picture(_LARGE_PX), precision="auto")
    whole, _ = _run(service, request)
    with _little_memory(torch.device(device)):
        tiled, seconds = _run(service, request)
    near_db = psnr_db(tiled.answer, whole.answer)
    return {
        "is_right": near_db >= LEAST_FAST_DB,
        "near_db": near_db,
        "tiles": [whole.stats.tiles, tiled.stats.tiles],
        "seconds": round(seconds, 3),
    }


def check_two_at_once(service: Service) -> dict[str, Any]:
    """Restore two pictures one after the other, and at once; the results have to be the same."""
    info = _first(service, Task.DENOISE)
    requests = [
        _request(Task.DENOISE, info, np.rot90(_picture(_SIDE_PX), turns).copy(), precision="auto") for turns in (0, 1)
    ]
    alone = [_run(service, request) for request in requests]
    together: list[RestoreResult | None] = [None, None]

    def work(place: int) -> None:
        together[place] = _run(service, requests[place])[0]

    threads = [threading.Thread(target=work, args=(place,)) for place in range(2)]
    started_s = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall_s = time.perf_counter() - started_s
    near_db = [
        0.0 if one is None else psnr_db(one.answer, before.answer)
        for one, (before, _) in zip(together, alone, strict=True)
    ]
    return {
        "is_right": min(near_db) >= LEAST_EXACT_DB,
        "near_db": near_db,
        "alone_s": round(sum(seconds for _, seconds in alone), 3),
        "together_s": round(wall_s, 3),
    }


def psnr_db(one: FloatArray, other: FloatArray) -> float:
    """Return the PSNR between two pictures in [0, 1], at most 120 dB."""
    error = float(np.mean((one.astype(np.float64) - other) ** 2))
    return round(min(120.0, -10 * np.log10(max(error, 1e-12))), 2)


def _networks(service: Service, models: Sequence[str]) -> Iterator[tuple[Task, ModelInfo]]:
    for task in Task:
        for status in service.list_models(task):
            info = status.info
            is_wanted = info.id in models if models else info.is_built_in
            if info.kind == "network" and status.is_available and is_wanted:
                yield task, info


def _first(service: Service, task: Task) -> ModelInfo:
    return next(status.info for status in service.list_models(task) if status.info.kind == "network")


def _request(task: Task, info: ModelInfo, pixels: FloatArray, *, precision: Precision) -> RestoreRequest:
    few = {"iterations": _FEW_ITERATIONS} if info.is_anytime and info.param("iterations") else {}
    mask = None
    if task is Task.INPAINT:
        mask = np.zeros(pixels.shape[:2], np.uint8)
        mask[40:60, 30:200] = 255
    return RestoreRequest(
        image=pixels, task=task, model=info.id, parameters=as_mapping(few), mask=mask, precision=precision
    )


def _run(service: Service, request: RestoreRequest) -> tuple[RestoreResult, float]:
    started_s = time.perf_counter()
    for event in service.restore(request):
        if isinstance(event, Done):
            return event.result, time.perf_counter() - started_s
    raise AssertionError("the service ended without a result")


def _picture(side_px: int) -> FloatArray:
    """Return a free photograph, repeated where it is too small."""
    photo = np.asarray(data.astronaut(), dtype=np.float32) / 255
    times = -(-side_px // photo.shape[0])
    return np.ascontiguousarray(np.tile(photo, (times, times, 1))[:side_px, :side_px])


@contextmanager
def _little_memory(device: torch.device) -> Iterator[None]:
    torch.cuda.empty_cache()
    taken = torch.cuda.memory_allocated(device) / torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, taken + _MEMORY_SHARE), device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


def _name_of(device: str) -> str:
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device
