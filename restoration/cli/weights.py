"""`python -m restoration weights` and `doctor`: what is on this machine, and whether it is right."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from restoration.catalogue.cards import to_markdown
from restoration.catalogue.manifest import load_manifest
from restoration.errors import InvalidRequest, WeightsUnavailable
from restoration.folders import home_folder, weights_folder
from restoration.service.choice import offers_non_commercial
from restoration.types import ModelInfo, Task, WeightFile
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `weights`."""
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    actions.add_parser("list", help="all weights files and whether they are here").set_defaults(act=_list)
    get = actions.add_parser("get", help="download weights now, to work without a network later")
    get.add_argument("models", nargs="*", metavar="MODEL")
    get.add_argument("--all", action="store_true", help="of all models on offer")
    get.add_argument("--task", choices=[task.value for task in Task], help="of all models of a task")
    get.set_defaults(act=_get)
    actions.add_parser("verify", help="check size and sha256 of all files that are here").set_defaults(act=_verify)
    actions.add_parser("pin", help="write the sha256 of downloaded files into the manifest").set_defaults(act=_pin)
    actions.add_parser("gc", help="remove downloaded files that no model needs any more").set_defaults(act=_collect)
    actions.add_parser("cards", help="write weights/README.md from the manifest").set_defaults(act=_cards)
    actions.add_parser("where", help="print the folders of weights, downloads and records").set_defaults(act=_where)


def run(arguments: argparse.Namespace) -> int:
    """Carry out the action chosen."""
    code: int = arguments.act(arguments)
    return code


def doctor(_: argparse.Namespace) -> int:
    """Print what works on this machine and what does not; return 1 where something has to be mended."""
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
    for info, file in _files():
        is_here, reason = store.status(file)
        if file.path is not None and not is_here:
            print(f"{info.id}: {reason}")
            code = 1
    _where(None)
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


def _files() -> Iterator[tuple[ModelInfo, WeightFile]]:
    for info in load_manifest():
        for file in info.files:
            yield info, file


def _list(_: argparse.Namespace) -> int:
    for info, file in _files():
        source = "built in" if file.path is not None else f"huggingface.co/{file.hub_address}"
        size = "" if file.size_bytes is None else f"{file.size_bytes / 1e6:.1f} MB"
        state = "here" if store.status(file)[0] else "not downloaded"
        licence = file.licence or info.weights_licence
        print(f"{info.id:24} {file.path or file.filename:34} {size:>9}  {state:14} {source} [{licence}]")
    return 0


def _get(arguments: argparse.Namespace) -> int:
    models = {info.id: info for info in load_manifest()}
    is_open = offers_non_commercial()
    if unknown := [name for name in arguments.models if name not in models]:
        raise InvalidRequest(f"No model is called {', '.join(unknown)}; the command `models` lists them.")
    chosen = [
        info
        for info in models.values()
        if info.id in arguments.models
        or (
            (is_open or not info.non_commercial)
            and (arguments.all or (arguments.task and Task(arguments.task) in info.tasks))
        )
    ]
    if not chosen:
        raise InvalidRequest("Nothing was named; give models, --task or --all.")
    failed = 0
    for info in chosen:
        for file in info.files:
            failed += not _fetch(info, file)
    return 1 if failed else 0


def _fetch(info: ModelInfo, file: WeightFile) -> bool:
    steps = store.fetch(file, model=info.title)
    is_shown = sys.stderr.isatty()
    try:
        while True:
            step = next(steps)
            if is_shown:
                eta = "" if step.eta_s is None else f", about {step.eta_s:.0f} s left"
                print(f"\r\x1b[K{step}{eta}", end="", file=sys.stderr, flush=True)
    except StopIteration as end:
        if is_shown:
            print("\r\x1b[K", end="", file=sys.stderr)
        print(end.value)
        return True
    except WeightsUnavailable as error:
        print(f"error: {error}", file=sys.stderr)
        return False


def _verify(_: argparse.Namespace) -> int:
    wrong = 0
    for info, file in _files():
        if store.local_path(file) is None:
            continue
        is_right = store.is_right(file)
        wrong += is_right is False
        verdict = "unknown" if is_right is None else "right" if is_right else "WRONG"
        print(f"{info.id:24} {file.path or file.filename:34} {verdict}")
    return 1 if wrong else 0


def _pin(_: argparse.Namespace) -> int:
    manifest = weights_folder() / "manifest.toml"
    text = manifest.read_text(encoding="utf-8")
    known = store.pins()
    count = 0
    for file in (file for _, file in _files()):
        pin = known.get(store.pin_name(file))
        if file.path is not None or file.sha256 is not None or pin is None:
            continue
        pinned = _with_pin(text, file, sha256=str(pin["sha256"]), size_bytes=int(pin["size_bytes"]))
        count += pinned != text
        text = pinned
    tomllib.loads(text)  # never write what cannot be read again
    partial = manifest.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(manifest)
    print(f"{count} files pinned in {manifest}")
    return 0


def _with_pin(text: str, file: WeightFile, *, sha256: str, size_bytes: int) -> str:
    """Return the manifest with the hash and size of one file below its filename."""
    name = f'filename = "{file.filename}"\n'
    tables = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
    for index, table in enumerate(tables):
        if table.startswith("[[model.file]]\n") and f'repo_id = "{file.repo_id}"\n' in table and name in table:
            bare = re.sub(r"^(sha256|size_bytes) = .*\n", "", table, flags=re.MULTILINE)
            tables[index] = bare.replace(name, f'{name}sha256 = "{sha256}"\nsize_bytes = {size_bytes}\n')
    return "".join(tables)


def _cards(_: argparse.Namespace) -> int:
    target = weights_folder() / "README.md"
    target.write_text(to_markdown(load_manifest()), encoding="utf-8")
    print(target)
    return 0


def _collect(_: argparse.Namespace) -> int:
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    needed = {file.hub_address for _, file in _files() if file.repo_id is not None}
    ours = {name: _repository(name) for name, pin in store.pins().items() if pin.get("is_ours")}
    try:
        cache = scan_cache_dir(constants.HF_HUB_CACHE)
    except CacheNotFound:
        print("nothing has been downloaded yet")
        return 0
    # other programs share this cache: only what this application once downloaded may go
    unneeded = set(ours.values()) - needed
    stale = [repo for repo in cache.repos if _address(repo.repo_type, repo.repo_id) in unneeded]
    for repo in stale:  # not by revision: copies of a repository have the same ones
        shutil.rmtree(repo.repo_path)
    store.forget_pins(name for name, repository in ours.items() if repository in unneeded)
    print(f"{len(stale)} repositories removed, {sum(repo.size_on_disk for repo in stale) / 1e6:.1f} MB")
    return 0


def _repository(pin_name: str) -> str:
    """Return the address of the repository of a file that was written down."""
    return pin_name.split("@")[0].rsplit("/", 1)[0]


def _address(repo_type: str, repo_id: str) -> str:
    return WeightFile("", repo_id=repo_id, repo_type="space").hub_address if repo_type == "space" else repo_id


def _where(_: argparse.Namespace | None) -> int:
    from huggingface_hub import constants

    print(f"built-in weights: {weights_folder()}")
    print(f"downloads: {constants.HF_HUB_CACHE}")
    print(f"records and pins: {home_folder()}")
    return 0
