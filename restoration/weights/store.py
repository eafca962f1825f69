"""From a `WeightFile` to a verified file on this machine: built in, in the cache, or from the Hugging Face Hub."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from restoration.errors import WeightsUnavailable
from restoration.folders import home_folder, weights_folder
from restoration.types import WeightFile
from restoration.weights import hub
from restoration.weights.hub import DownloadProgress

log = logging.getLogger(__name__)

_CHUNK_BYTES = 1024 * 1024
_SHA256_DIGITS = 64
_verified_lock = threading.Lock()
_pins_lock = threading.Lock()
_verified: dict[tuple[str, int, int], str] = {}  # (path, mtime_ns, size) -> sha256: files are hashed once per process


def status(file: WeightFile) -> tuple[bool, str]:
    """Tell, without network and without hashing, whether a file is on this machine; if not, why and what to do."""
    if local_path(file) is not None:
        return True, ""
    if file.path is not None:
        cure = "add it again" if file.is_own else "reinstall the application"
        return False, f"its weights file {file.path} is missing; {cure}"
    size = "" if file.size_bytes is None else f" ({file.size_bytes / 1e6:.0f} MB)"
    return False, f"its weights{size} will be downloaded from huggingface.co/{file.hub_address} with the first use"


def local_path(file: WeightFile) -> Path | None:
    """Return where the file lies on this machine, unverified, or None."""
    if file.path is not None:
        path = _shelf(file) / file.path
        return path if path.is_file() else None
    from huggingface_hub import try_to_load_from_cache

    assert file.repo_id is not None
    assert file.filename is not None
    cached = try_to_load_from_cache(file.repo_id, file.filename, revision=file.revision, repo_type=file.repo_type)
    return Path(cached) if isinstance(cached, str) else None


def ensure(file: WeightFile, *, model: str) -> Path:
    """Return the verified local path of a file, downloading it where it is not there yet; see `fetch`."""
    steps = fetch(file, model=model)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            path: Path = end.value
            return path


def fetch(file: WeightFile, *, model: str) -> Generator[DownloadProgress, None, Path]:
    """Make sure that a verified file is on this machine; yield progress while it is downloaded.

    A file of the wrong size or sha256 is removed and fetched once more. Where the manifest knows no sha256, the Hub's
    own is taken the first time and written down; another one later is refused.

    Returns:
        The verified local path.

    Raises:
        WeightsUnavailable: the file cannot be had or is wrong; the message says why and what to do.
    """
    if file.path is not None:
        return _built_in(file, model=model)
    file = _pinned(file)
    path = local_path(file)
    if path is not None:
        expected = _noted(file, path)
        if expected.sha256 is None:
            expected = _described(file, model=model)
        if _is_right(path, expected):
            _pin(file, path)
            return path
        log.warning("%s of %s has the wrong size or sha256; it is fetched again", file.filename, model)
        _remove(path)
    expected = _described(file, model=model)
    for _ in range(2):
        path = yield from hub.download(file, model=model)
        if _is_right(path, expected):
            _pin(expected, path, is_ours=True)
            return path
        log.warning("%s of %s came with the wrong content", file.filename, model)
        _remove(path)
    raise WeightsUnavailable(
        f"The weights file {file.filename} of {model} came with the wrong content twice and was removed; "
        "try again later or choose another model.",
        model=model,
    )


def _described(file: WeightFile, *, model: str) -> WeightFile:
    """Return the file with what the Hub says of it now, where sha256 or size are not known."""
    if file.sha256 is not None and file.size_bytes is not None:
        return file
    remote = hub.describe(file, model=model)
    return replace(file, sha256=file.sha256 or remote.sha256, size_bytes=file.size_bytes or remote.size_bytes)


def _noted(file: WeightFile, path: Path) -> WeightFile:
    """Return the file with the sha256 that the Hub named when some program downloaded it, where nothing is known.

    The cache names the content of large files by it.
    """
    name = path.resolve().name
    is_noted = file.sha256 is None and len(name) == _SHA256_DIGITS and not set(name) - set("0123456789abcdef")
    return replace(file, sha256=name) if is_noted else file


def _built_in(file: WeightFile, *, model: str) -> Path:
    path = _shelf(file) / str(file.path)
    cure = "add it again" if file.is_own else "reinstall the application"
    if not path.is_file():
        raise WeightsUnavailable(f"The weights file {file.path} of {model} is missing; {cure}.", model=model)
    if not _is_right(path, file):
        known = "that was added" if file.is_own else "that ships"
        message = f"The weights file {file.path} of {model} is not the one {known}; {cure}."
        raise WeightsUnavailable(message, model=model)
    return path


def _shelf(file: WeightFile) -> Path:
    """Return the folder of a file that does not come from the Hub."""
    return home_folder() / "models" if file.is_own else weights_folder()


def is_right(file: WeightFile) -> bool | None:
    """Tell whether a file that is on this machine has the size and sha256 that are known of it; None: none is known."""
    path = local_path(file)
    if path is None:
        return False
    known = file if file.path is not None else _noted(_pinned(file), path)
    return _is_right(path, known) if known.sha256 is not None else None


def pins() -> dict[str, dict[str, str | int]]:
    """Return what was written down of files whose sha256 the manifest does not know, by `pin_name`."""
    try:
        content = json.loads(_pins_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none yet, or not readable: the files are checked against the Hub once more
        return {}
    return content if isinstance(content, dict) else {}


def pin_name(file: WeightFile) -> str:
    """Return the name under which a file is written down."""
    return f"{file.hub_address}/{file.filename}@{file.revision}"


def _pins_path() -> Path:
    return home_folder() / "pins.json"


def _pinned(file: WeightFile) -> WeightFile:
    """Return the file with the sha256 and size of its first download, where the manifest knows none."""
    known = pins().get(pin_name(file))
    if file.sha256 is not None or known is None:
        return file
    return replace(file, sha256=str(known["sha256"]), size_bytes=int(known["size_bytes"]))


def _pin(file: WeightFile, path: Path, *, is_ours: bool = False) -> None:
    """Pin the sha256 of a verified file that has no known hash yet.

    Args:
        is_ours: this application has downloaded it; another program may have put it there else.
    """
    with _pins_lock:
        known = pins()
        if pin_name(file) not in known:
            pin: dict[str, str | int] = {"sha256": _sha256(path), "size_bytes": path.stat().st_size}
            known[pin_name(file)] = {**pin, "is_ours": True} if is_ours else pin
            _write_pins(known)


def forget_pins(names: Iterable[str]) -> None:
    """Remove pins by `pin_name`."""
    gone = set(names)
    with _pins_lock:
        _write_pins({name: pin for name, pin in pins().items() if name not in gone})


def _write_pins(known: Mapping[str, Mapping[str, str | int]]) -> None:
    target = _pins_path()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        log.warning("the pins cannot be written to %s: %s", target, error)


def short_hashes(files: Sequence[WeightFile]) -> str:
    """Return the first 12 hex digits of each file's sha256, joined by "+"; files must be on this machine."""
    paths = [path for file in files if (path := local_path(file)) is not None]
    return "+".join(_sha256(path)[:12] for path in paths)


def _is_right(path: Path, file: WeightFile) -> bool:
    if file.size_bytes is not None and path.stat().st_size != file.size_bytes:
        return False
    return file.sha256 is None or _sha256(path) == file.sha256


def _sha256(path: Path) -> str:
    stat = path.stat()
    key = (str(path.resolve()), stat.st_mtime_ns, stat.st_size)
    with _verified_lock:
        if key in _verified:
            return _verified[key]
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    with _verified_lock:
        _verified[key] = digest.hexdigest()
    return digest.hexdigest()


def _remove(path: Path) -> None:
    """Delete a cached file and the blob that its link points to."""
    blob = path.resolve()
    path.unlink(missing_ok=True)
    blob.unlink(missing_ok=True)
