"""Measure time and memory of the engine, each next to its baseline in the same run.

Every line is the median of interleaved repeats: ours and the baseline take turns, so that a slow moment of the machine
meets both.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from restoration.arrays import FloatArray
from restoration.catalogue.manifest import load_manifest
from restoration.catalogue.registry import Loaded, Registry
from restoration.devices.device import candidate_dtypes, pick_devices, tune_process
from restoration.devices.precision import choose_precision
from restoration.engine.local.job import Answer, Job
from restoration.engine.local.scheduler import Scheduler
from restoration.errors import InvalidRequest
from restoration.models.shared.contract import Factory
from restoration.models.shared.restorers import NetworkRestorer
from restoration.service.door import Service
from restoration.types import Parameters, RestoreRequest, Task, as_mapping

_SIGMA_255 = 25
_DENOISER = "resunet-color"
_UPSCALER = "edsr-lite"
_DAMAGED_UPSCALER = "compact-web"
_LONG_S = 10.0


@dataclass(frozen=True)
class Line:
    """One comparison.

    Args:
        ratio: ours against the baseline, in the sense of the goal.
        goal: what the ratio should be, as text.
    """

    what: str
    unit: str
    ours: float
    baseline_name: str
    baseline: float
    ratio: float
    goal: str


@dataclass(frozen=True)
class _Bench:
    """What the measurements share."""

    device: torch.device
    scheduler: Scheduler
    registry: Registry
    repeats: int

    def load(self, model: str) -> Loaded:
        info = next(info for info in load_manifest() if info.id == model)
        parameters = {param.name: param.default for param in info.params}
        return self.registry.load(info, parameters, precision="auto")

    def restore(self, loaded: Loaded, pixels: FloatArray) -> FloatArray:
        return _last(self.scheduler, _job(loaded, pixels))


def measure_speed(*, only: str | None = None, repeats: int = 3, device: str | None = None) -> Iterator[Line]:
    """Yield the lines whose name begins with `only` (None = all).

    Args:
        repeats: how often each side of a comparison is timed.
        device: as in `pick_devices`.

    Raises:
        InvalidRequest: no name begins so, or the device is not there.
    """
    chosen = [measurement for name, measurement in MEASUREMENTS.items() if only is None or name.startswith(only)]
    if not chosen:
        raise InvalidRequest(f'No measurement is called "{only}"; name one of {", ".join(MEASUREMENTS)}.')
    tune_process()
    place = pick_devices(device)[0]
    with closing(Scheduler(place)) as scheduler:
        bench = _Bench(place, scheduler, Registry(place), repeats)
        for measurement in chosen:
            yield from measurement(bench)


# --- the pictures


def photograph(height: int, width: int) -> FloatArray:
    """Return a real photograph in any size, (H, W, 3) in [0, 1]: repeated in mirror images where it is too small."""
    from skimage import data

    photo = data.astronaut().astype(np.float32) / np.float32(255)
    extra = (max(0, height - photo.shape[0]), max(0, width - photo.shape[1]))
    padded = np.pad(photo, ((0, extra[0]), (0, extra[1]), (0, 0)), mode="symmetric")
    return np.ascontiguousarray(padded[:height, :width])


def noisy_photograph(height: int, width: int) -> FloatArray:
    """Return a photograph with noise of the level that the denoiser is told."""
    photo = photograph(height, width)
    noise = np.random.default_rng(0).standard_normal(photo.shape, dtype=np.float32)
    return np.clip(photo + np.float32(_SIGMA_255 / 255) * noise, 0, 1)


# --- the measurements


def _against_realesrganer(bench: _Bench) -> Iterator[Line]:
    """The Real-ESRGAN networks with equal random weights: this engine against the class of the realesrgan package."""
    for name, goal in (("RRDBNet x4", "at least 2.5"), ("SRVGGNetCompact x4", "at least 2.2")):
        with tempfile.TemporaryDirectory() as folder:
            seconds = _race(bench, name, Path(folder))
        ours = seconds.pop("ours")
        better = min(seconds, key=lambda key: seconds[key])
        ratio = seconds[better] / ours
        yield Line(f"{name}, 512x512", "s", ours, f"RealESRGANer, {better}", seconds[better], ratio, goal)


def _against_its_teacher(bench: _Bench) -> Iterator[Line]:
    """The built-in upscaler for damaged pictures against its teacher's network, both in this engine."""
    ours, pixels = bench.load(_DAMAGED_UPSCALER), photograph(512, 512)
    with tempfile.TemporaryDirectory() as folder:
        theirs, _ = _same_networks(bench, "SRVGGNetCompact x4", Path(folder))

    def restore(loaded: Loaded, sigma_255: float) -> Callable[[], object]:
        return lambda: _last(bench.scheduler, _job(loaded, pixels, sigma_255=sigma_255))

    seconds = timed(
        {"clean": restore(ours, 0), "noisy": restore(ours, _SIGMA_255), "teacher": restore(theirs, 0)},
        repeats=bench.repeats,
    )
    for side, words, goal in (
        ("clean", "no noise measured", "at least 1"),
        ("noisy", "noise removed first", "at least 0.8"),
    ):
        ratio, name = seconds["teacher"] / seconds[side], f"{_DAMAGED_UPSCALER} x4, 512x512, {words}"
        yield Line(name, "s", seconds[side], "its teacher's network", seconds["teacher"], ratio, goal)


def _race(bench: _Bench, name: str, folder: Path) -> dict[str, float]:
    ours, theirs = _same_networks(bench, name, folder)
    pixels = photograph(512, 512)
    samples = np.rint(pixels[..., ::-1] * 255).astype(np.uint8)
    whole, tiled = theirs(0), theirs(256)
    sides: dict[str, Callable[[], object]] = {
        "ours": lambda: bench.restore(ours, pixels),
        "whole": lambda: whole.enhance(samples, outscale=4),
        "tile 256": lambda: tiled.enhance(samples, outscale=4),
    }
    return timed(sides, repeats=bench.repeats)


def _same_networks(bench: _Bench, name: str, folder: Path) -> tuple[Loaded, Callable[[int], Any]]:
    """Return our loaded model and a maker of RealESRGANers (by tile size) with the same weights."""
    from restoration.models import rrdbnet, srvggnet

    torch.manual_seed(0)
    if name.startswith("RRDB"):
        config = {"num_in_ch": 3, "num_out_ch": 3, "scale": 4, "num_feat": 64, "num_block": 23, "num_grow_ch": 32}
        from basicsr.archs.rrdbnet_arch import RRDBNet

        network: nn.Module = RRDBNet(**config)
        key, build = "params_ema", cast("Factory", rrdbnet.build)
    else:
        config = {"num_feat": 64, "num_conv": 32, "upscale": 4}
        from realesrgan.archs.srvgg_arch import SRVGGNetCompact

        network = SRVGGNetCompact(**config)
        key, build = "params", srvggnet.build
    file = folder / "net.pth"
    torch.save({key: network.state_dict()}, file)
    restorer = build(config=config, weights={"net": file}, parameters={"scale": 4})
    candidates = candidate_dtypes(bench.device, restorer.contract.dtypes, precision="auto")
    chosen, dtype = choose_precision(restorer, device=bench.device, candidates=candidates, parameters={})

    def theirs(tile_px: int) -> Any:
        from realesrgan import RealESRGANer

        is_gpu = bench.device.type == "cuda"  # where half precision is its default
        return RealESRGANer(
            scale=4, model_path=str(file), model=network, tile=tile_px, half=is_gpu, device=bench.device
        )

    return Loaded(chosen, dtype, ""), theirs


def _whole_path(bench: _Bench) -> Iterator[Line]:
    """File in, file out, against the bare network on the same pixels."""
    loaded = bench.load(_DENOISER)
    pixels = noisy_photograph(1000, 1000)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.png", Path(folder) / "out.png"
        _save(pixels, source)
        with _service(Path(folder), bench.device) as service:
            request = RestoreRequest(image=source, task=Task.DENOISE, model=_DENOISER, parameters=_parameters())
            seconds = timed(
                {
                    "file": lambda: _run_file(service, request, target),
                    "bare": lambda: _bare(loaded, pixels),
                },
                repeats=2 * bench.repeats + 1,
            )
    yield Line(
        "file to file, 1 MP denoise",
        "s",
        seconds["file"],
        "the bare network",
        seconds["bare"],
        seconds["file"] / seconds["bare"],
        "at most 1.12",
    )


def _peak_share(bench: _Bench) -> Iterator[Line]:
    """Floating-point operations per second in RRDBNet against a large matrix product in the same precision."""
    with tempfile.TemporaryDirectory() as folder:
        loaded, _ = _same_networks(bench, "RRDBNet x4", Path(folder))
    info = next(info for info in load_manifest() if info.id == "realesrgan-x4plus")
    side_px = 256
    pixels = photograph(side_px, side_px)
    left, right = (torch.rand(4096, 4096, device=bench.device).to(loaded.dtype) for _ in range(2))
    seconds = timed(
        {"network": lambda: bench.restore(loaded, pixels), "product": lambda: _product(left, right)},
        repeats=bench.repeats,
    )
    ours = 2 * info.macs_per_pixel * side_px**2 / seconds["network"] / 1e12
    best = 2 * 4096**3 / seconds["product"] / 1e12
    name = f"matrix product, {loaded.dtype}".replace("torch.", "")
    yield Line("RRDBNet x4, 256x256", "TFLOP/s", ours, name, best, ours / best, "at least 0.75")


def _scaling(bench: _Bench) -> Iterator[Line]:
    """Seconds per megapixel of a large picture against a small one."""
    loaded = bench.load(_DENOISER)
    small, large = noisy_photograph(1000, 1000), noisy_photograph(4000, 4000)
    seconds = timed(
        {"large": lambda: bench.restore(loaded, large), "small": lambda: bench.restore(loaded, small)},
        repeats=bench.repeats,
    )
    ours = seconds["large"] / 16
    yield Line("16 MP denoise", "s/MP", ours, "1 MP", seconds["small"], ours / seconds["small"], "at most 1.15")


def _memory(bench: _Bench) -> Iterator[Line]:
    """Peak memory of a process that does one large job, from file to file."""
    for what, task, model, side_px, limit in (
        ("16 MP denoise", Task.DENOISE, _DENOISER, 4000, 2.5),
        ("4 MP super-resolution x4", Task.SUPER_RESOLUTION, _UPSCALER, 2000, 4.0),
    ):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "in.png"
            _save(noisy_photograph(side_px, side_px), source)
            program = (
                "import resource, sys\nfrom restoration import restore\n"
                f"restore({str(source)!r}, task={task.value!r}, model={model!r})"
                f".save({str(Path(folder) / 'out.png')!r})\n"
                "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
            )
            answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own text
        unit_bytes = 1 if sys.platform == "darwin" else 1024
        peak_gb = int(answer.stdout.split()[-1]) * unit_bytes / 1e9
        yield Line(f"{what}, peak memory", "GB", peak_gb, "limit", limit, peak_gb / limit, "at most 1")


def _fairness(bench: _Bench) -> Iterator[Line]:
    """A small job that comes while a huge one runs, against the same alone."""
    loaded = bench.load(_DENOISER)
    small, huge = noisy_photograph(512, 512), noisy_photograph(4000, 4000)

    def beside(wait_s: float) -> float:
        with closing(bench.scheduler.run(_job(loaded, huge))) as events:
            next(events)
            time.sleep(wait_s)  # come at any moment of the huge job's next tile
            started_s = time.perf_counter()
            bench.restore(loaded, small)
            return time.perf_counter() - started_s

    bench.restore(loaded, small)
    alone_s = statistics.median(_seconds(lambda: bench.restore(loaded, small)) for _ in range(2 * bench.repeats + 1))
    beside_s = statistics.median(beside(wait_s) for wait_s in _moments(bench, loaded))
    yield Line("512x512 beside a 16 MP job", "s", beside_s, "alone", alone_s, beside_s / alone_s, "at most 2.5")


def _users(bench: _Bench) -> Iterator[Line]:
    """Several users at once against a loop over the bare network with all their pictures in one batch."""
    count, rounds = 8, 4
    loaded = bench.load(_DENOISER)
    pictures = [noisy_photograph(256, 256) for _ in range(count)]

    def one(picture: FloatArray) -> None:
        for _ in range(rounds):
            bench.restore(loaded, picture)

    def together() -> None:
        users = [threading.Thread(target=one, args=(picture,)) for picture in pictures]
        for user in users:
            user.start()
        for user in users:
            user.join()

    def loop() -> None:
        for _ in range(rounds):
            _bare(loaded, *pictures)

    seconds = timed({"users": together, "loop": loop}, repeats=bench.repeats)
    ours, best = (count * rounds / seconds[name] for name in ("users", "loop"))
    yield Line(
        f"{count} users, 256x256", "pictures/s", ours, "bare network, one batch", best, ours / best, "at least 0.85"
    )


def _cancel(bench: _Bench) -> Iterator[Line]:
    """From closing a job to an idle device, against the time of one tile."""
    loaded = bench.load(_DENOISER)
    huge = noisy_photograph(4000, 4000)
    tile_s = _tile_seconds(bench, loaded)

    def silence(wait_s: float) -> float:
        events = bench.scheduler.run(_job(loaded, huge))
        next(events)
        time.sleep(wait_s)
        events.close()
        started_s = time.perf_counter()
        bench.restore(loaded, huge[:16, :16])  # answered as soon as the worker is free
        return time.perf_counter() - started_s

    silence_s = max(silence(wait_s) for wait_s in _moments(bench, loaded))
    yield Line("cancel to silence, at worst", "s", silence_s, "one tile", tile_s, silence_s / tile_s, "about 1")


def _tile_seconds(bench: _Bench, loaded: Loaded) -> float:
    side_px = loaded.restorer.contract.cpu_tile_px or 512
    tile = noisy_photograph(side_px, side_px)
    bench.restore(loaded, tile)
    return statistics.median(_seconds(lambda: bench.restore(loaded, tile)) for _ in range(2 * bench.repeats + 1))


def _moments(bench: _Bench, loaded: Loaded) -> list[float]:
    """Return waits, in seconds, that are spread over the time of one tile."""
    tile_s, count = _tile_seconds(bench, loaded), 2 * bench.repeats + 1
    return [tile_s * (number + 0.5) / count for number in range(count)]


MEASUREMENTS: Mapping[str, Callable[[_Bench], Iterator[Line]]] = {
    "overhead": _whole_path,
    "scaling": _scaling,
    "fairness": _fairness,
    "users": _users,
    "cancel": _cancel,
    "memory": _memory,
    "peak": _peak_share,
    "realesrganer": _against_realesrganer,
    "teacher": _against_its_teacher,
}


# --- tools


def timed(sides: Mapping[str, Callable[[], object]], *, repeats: int) -> dict[str, float]:
    """Return the median seconds of each side, after one uncounted call of each; the sides take turns.

    A side that takes longer than `_LONG_S` is called once more only.
    """
    first = {name: _seconds(run) for name, run in sides.items()}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(repeats):
        for name, run in sides.items():
            if number == 0 or first[name] < _LONG_S:
                seconds[name].append(_seconds(run))
    return {name: statistics.median(values) for name, values in seconds.items()}


def _seconds(run: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    run()
    return time.perf_counter() - started_s


def _job(loaded: Loaded, pixels: FloatArray, *, sigma_255: float = _SIGMA_255) -> Job:
    return Job(loaded.restorer, pixels, {"sigma": sigma_255 / 255}, dtype=loaded.dtype)


def _last(scheduler: Scheduler, job: Job) -> FloatArray:
    for event in scheduler.run(job):
        if isinstance(event, Answer):
            return event.pixels
    raise AssertionError("the engine ended without an answer")


def _bare(loaded: Loaded, *pictures: FloatArray) -> torch.Tensor:
    """Call the network itself on ready tensors, as whole pictures."""
    restorer = loaded.restorer
    assert isinstance(restorer, NetworkRestorer)
    batch = torch.from_numpy(np.stack([picture.transpose(2, 0, 1) for picture in pictures]))
    device = next(restorer.network.parameters()).device
    batch = batch.to(device=device, dtype=loaded.dtype).contiguous(memory_format=torch.channels_last)
    sigma = torch.full((len(batch), 1, 1, 1), _SIGMA_255 / 255, dtype=loaded.dtype, device=device)
    with torch.inference_mode():
        answer: torch.Tensor = restorer.network(batch, sigma)
        return answer.float().cpu()


def _product(left: torch.Tensor, right: torch.Tensor) -> float:
    return float((left @ right)[0, 0])


def _parameters() -> Parameters:
    return as_mapping({"sigma": _SIGMA_255, "views": 1})


def _service(folder: Path, device: torch.device) -> closing[Service]:
    return closing(Service(records_path=folder / "records.sqlite3", device=str(device)))


def _run_file(service: Service, request: RestoreRequest, target: Path) -> None:
    from restoration.types import Done

    for event in service.restore(request):
        if isinstance(event, Done):
            event.result.save(target)


def _save(pixels: FloatArray, path: Path) -> None:
    from PIL import Image

    Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(path)
