"""`restoration weights`: get, check and pin the weights of models."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from restoration.catalogue.cards import to_markdown
from restoration.catalogue.manifest import load_manifest, manifest_folder
from restoration.catalogue.pinning import pin
from restoration.cli.tasks import task_option
from restoration.errors import InvalidRequest, WeightsUnavailable
from restoration.folders import home_folder, weights_folder
from restoration.service.choice import offers_non_commercial
from restoration.types import ModelInfo, Task, WeightFile
from restoration.weights import store
from restoration.weights.hub import RemoteFile
from restoration.weights.hub.check import check, to_json


@click.group("weights")
def command() -> None:
    """Get, check and pin the weights of models."""


def files() -> Iterator[tuple[ModelInfo, WeightFile]]:
    """Yield every weights file of the manifest with its model."""
    for info in load_manifest():
        for file in info.files:
            yield info, file


@command.command("list")
def _list() -> None:
    """List all weights files and whether they are here."""
    for info, file in files():
        source = "built in" if file.path is not None else f"huggingface.co/{file.hub_address}"
        size = "" if file.size_bytes is None else f"{file.size_bytes / 1e6:.1f} MB"
        state = "here" if store.status(file)[0] else "not downloaded"
        licence = file.licence or info.weights_licence
        print(f"{info.id:24} {file.path or file.filename:34} {size:>9}  {state:14} {source} [{licence}]")


@command.command("get")
@click.argument("names", metavar="[MODEL]...", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="of all models on offer")
@task_option("of all models of a task")
def _get(*, names: tuple[str, ...], is_all: bool, task: Task | None) -> int:
    """Download weights now, to work without a network later."""
    models = {info.id: info for info in load_manifest()}
    is_open = offers_non_commercial()
    if unknown := [name for name in names if name not in models]:
        raise InvalidRequest(f"No model is called {', '.join(unknown)}; the command `models` lists them.")
    chosen = [
        info
        for info in models.values()
        if info.id in names or ((is_open or not info.non_commercial) and (is_all or task in info.tasks))
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


@command.command("verify")
def _verify() -> int:
    """Check size and sha256 of all files that are here."""
    wrong = 0
    for info, file in files():
        if store.local_path(file) is None:
            continue
        is_right = store.is_right(file)
        wrong += is_right is False
        verdict = "unknown" if is_right is None else "right" if is_right else "WRONG"
        print(f"{info.id:24} {file.path or file.filename:34} {verdict}")
    return 1 if wrong else 0


@command.command("pin")
def _pin() -> None:
    """Write the sha256 of downloaded files into the manifest."""
    known = store.pins()
    found = [
        (file, RemoteFile(int(known[name]["size_bytes"]), str(known[name]["sha256"])))
        for _, file in files()
        if file.path is None and file.sha256 is None and (name := store.pin_name(file)) in known
    ]
    count = pin(manifest_folder(), found)
    print(f"{count} files pinned in {manifest_folder()}")


@command.command("check")
@click.option("--json", "target", type=click.Path(path_type=Path), help="write what the Hub says of each file, too")
def _check(*, target: Path | None) -> int:
    """Ask the Hub for all files of the manifest: there, size, sha256, licence."""
    rows = check(files())
    for row in rows:
        print(f"{row.model:24} {row.filename:38} {row.verdict:10} {'; '.join((*row.problems, *row.notes))}")
    if target is not None:
        target.write_text(to_json(rows), encoding="utf-8")
    return 1 if any(row.problems for row in rows) else 0


@command.command("cards")
def _cards() -> None:
    """Write weights/README.md from the manifest."""
    target = weights_folder() / "README.md"
    target.write_text(to_markdown(load_manifest()), encoding="utf-8")
    print(target)


@command.command("gc")
def _collect() -> None:
    """Remove downloaded files that no model needs any more."""
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    needed = {file.hub_address for _, file in files() if file.repo_id is not None}
    ours = {name: _repository(name) for name, pin in store.pins().items() if pin.get("is_ours")}
    try:
        cache = scan_cache_dir(constants.HF_HUB_CACHE)
    except CacheNotFound:
        print("nothing has been downloaded yet")
        return
    # other programs share this cache: only what this application once downloaded may go
    unneeded = set(ours.values()) - needed
    stale = [repo for repo in cache.repos if _address(repo.repo_type, repo.repo_id) in unneeded]
    for repo in stale:  # not by revision: copies of a repository have the same ones
        shutil.rmtree(repo.repo_path)
    store.forget_pins(name for name, repository in ours.items() if repository in unneeded)
    print(f"{len(stale)} repositories removed, {sum(repo.size_on_disk for repo in stale) / 1e6:.1f} MB")


def _repository(pin_name: str) -> str:
    """Return the address of the repository of a file that was written down."""
    return pin_name.split("@")[0].rsplit("/", 1)[0]


def _address(repo_type: str, repo_id: str) -> str:
    return WeightFile("", repo_id=repo_id, repo_type="space").hub_address if repo_type == "space" else repo_id


@command.command("where")
def _where() -> None:
    """Print the folders of weights, downloads and records."""
    print_folders()


def print_folders() -> None:
    """Print where built-in weights, downloads and records are."""
    from huggingface_hub import constants

    print(f"built-in weights: {weights_folder()}")
    print(f"downloads: {constants.HF_HUB_CACHE}")
    print(f"records and pins: {home_folder()}")
