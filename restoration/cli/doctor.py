"""`restoration doctor`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

import click

from restoration.cli.weights import files, print_folders
from restoration.folders import weights_folder
from restoration.weights import store

_LIBRARIES = (
    "torch",
    "torchvision",
    "gradio",
    "basicsr",
    "realesrgan",
    "spandrel",
    "huggingface-hub",
    "safetensors",
    "opencv-python",
    "numpy",
    "pillow",
    "pillow-heif",
    "scikit-image",
    "scipy",
    "tifffile",
    "onnxruntime",
    "rich",
)
_OPTIONAL = {"restoration.models.rrdbnet": "Real-ESRGAN x2plus, x4plus and the small ESRGAN"}
_HUB_TIMEOUT_S = 5.0


@click.command("doctor")
def command() -> int:
    """Print what works on this machine and what does not; exit with 1 where something has to be fixed."""
    code = 0
    print(f"python {sys.version.split()[0]}, {sys.platform}")
    for name in _LIBRARIES:
        try:
            print(f"{name} {version(name)}")
        except PackageNotFoundError:
            print(f"{name} is missing")
            code = 1
    for module, models in _OPTIONAL.items():
        try:
            import_module(module)
        except Exception as error:  # whatever keeps a library from importing only costs its models
            print(f"{models}: not available, a library does not import ({type(error).__name__}: {error})")
            code = 1
    for line in _devices():
        print(line)
    for info, file in files():
        is_here, reason = store.status(file)
        if file.path is not None and not is_here:
            print(f"{info.id}: {reason}")
            code = 1
    print_folders()
    free_bytes = shutil.disk_usage(weights_folder()).free
    print(f"free disk: {free_bytes / 1e9:.1f} GB")
    print(f"Hugging Face Hub: {_hub_state()}")
    return code


def _devices() -> Iterator[str]:
    import torch

    from restoration.devices.device import candidate_dtypes, pick_devices, usable_cores

    both = (torch.bfloat16, torch.float16)
    for device in pick_devices():
        dtypes = (str(dtype).removeprefix("torch.") for dtype in candidate_dtypes(device, both, precision="auto"))
        yield f"device: {device}, fast precisions: {', '.join(dtypes)}"
    yield f"cores: {usable_cores()}"


def _hub_state() -> str:
    import httpx
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "offline by HF_HUB_OFFLINE"
    try:
        httpx.head(constants.ENDPOINT, timeout=_HUB_TIMEOUT_S)
    except httpx.HTTPError as error:
        return f"{constants.ENDPOINT} cannot be reached ({type(error).__name__}); built-in and downloaded models work"
    return f"{constants.ENDPOINT} is reached"
