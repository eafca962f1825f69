"""Which device computes, in which precision, and how much memory it may take."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Literal

import torch

from restoration.errors import InvalidRequest

Precision = Literal["auto", "exact"]

_CPU_BUDGET_BYTES = 1_500_000_000
_CPU_MODEL_BYTES = 1_500_000_000
_ACCELERATOR_SHARE = 0.5
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8


def pick_devices(name: str | None = None) -> tuple[torch.device, ...]:
    """Return the device of that name, or the best present: all CUDA cards, then MPS, then the CPU.

    Raises:
        InvalidRequest: torch knows no such device or this machine lacks it.
    """
    if name is None:
        if torch.cuda.is_available():
            return tuple(torch.device("cuda", index) for index in range(torch.cuda.device_count()))
        return (torch.device("mps" if torch.backends.mps.is_available() else "cpu"),)
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InvalidRequest(f'Device "{name}" is unknown; use cpu, cuda, cuda:1 or mps.') from error
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    is_there = present.get(device.type, False)
    if device.type == "cuda" and is_there:
        is_there = device.index is None or device.index < torch.cuda.device_count()
    if not is_there:
        raise InvalidRequest(f'Device "{name}" is not present on this machine; use cpu.')
    return (device,)


def is_fast_on(device: torch.device, dtype: torch.dtype) -> bool:
    """Tell whether convolutions in this precision are faster than float32 on the device."""
    if dtype == torch.float32:
        return True
    if device.type == "cuda":
        return dtype == torch.float16 or torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "mps":
        return dtype == torch.float16
    capabilities = torch.cpu.get_capabilities()
    return dtype == torch.bfloat16 and bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def candidate_dtypes(
    device: torch.device, dtypes: tuple[torch.dtype, ...], *, precision: Precision
) -> tuple[torch.dtype, ...]:
    """Return the model's precisions that are fast on the device, then float32; "exact" is float32 alone."""
    if precision == "exact":
        return (torch.float32,)
    fast = (dtype for dtype in dtypes if dtype != torch.float32 and is_fast_on(device, dtype))
    return (*fast, torch.float32)


def tune_process(*, threads: int | None = None) -> None:
    """Set up this process for CPU inference; called once, before the first job.

    Args:
        threads: of torch; None takes as many as this process may use cores.
    """
    torch.set_num_threads(threads or usable_cores())
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Let glibc reuse freed activation memory instead of returning it to the system each time.

    Fresh pages cost more than convolutions gain: the built-in denoiser takes 0.67 s a megapixel so, 0.8-1.2 s else,
    and large tiles are as fast as small ones. `release_cached` hands the memory back when there is nothing to do.
    """
    malloc = _glibc()
    if malloc is None:
        return
    malloc.mallopt(_M_ARENA_MAX, 1)  # other arenas than the first cannot grow beyond 64 MB
    malloc.mallopt(_M_MMAP_MAX, 0)
    malloc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    malloc.mallopt(_M_TOP_PAD, 256 * 2**20)


def _glibc() -> ctypes.CDLL | None:
    """Return the C library where it is glibc, whose numbers for `mallopt` stand below."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None


def usable_cores(cpu_max: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Return the cores that the scheduler and the container (cgroup version 2) leave to this process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = cpu_max.read_text(encoding="ascii").split()
        return cores if quota == "max" else max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no container, or another system
        return cores


def activation_budget_bytes(device: torch.device) -> int:
    """Return how many bytes of activations one unit of work may take."""
    if device.type == "cuda":
        free_bytes, _ = torch.cuda.mem_get_info(device)
        return int(free_bytes * _ACCELERATOR_SHARE)
    return _CPU_BUDGET_BYTES


def reset_peak(device: torch.device) -> None:
    """Start a new peak-memory measurement; where the system offers none, the peak is that of the whole process."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif sys.platform == "linux":
        try:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        except OSError:  # some containers forbid it; the process-wide peak is the next best answer
            return


def peak_bytes(device: torch.device) -> int | None:
    """Return the peak memory since `reset_peak`: of the card on CUDA, of the process elsewhere."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return None
    import resource  # there is none on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def release_cached(device: torch.device) -> None:
    """Release torch's cached memory on the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
    elif (malloc := _glibc()) is not None:
        malloc.malloc_trim(0)


def model_cache_bytes(device: torch.device) -> int:
    """Return how many bytes of loaded models may stay on the device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[1] * 0.25)
    return _CPU_MODEL_BYTES
