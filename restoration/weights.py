"""From a `WeightFile` to a verified file on this machine: built in, in the cache, or from the Hugging Face Hub."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from restoration.errors import WeightsUnavailable
from restoration.manifest import weights_folder
from restoration.types import WeightFile

log = logging.getLogger(__name__)

_CHUNK_BYTES = 1024 * 1024
_verified_lock = threading.Lock()
_verified: dict[tuple[str, int, int], str] = {}  # (path, mtime_ns, size) -> sha256: files are hashed once per process


def status(file: WeightFile) -> tuple[bool, str]:
    """Tell, without network and without hashing, whether a file is on this machine; if not, why and what to do."""
    if local_path(file) is not None:
        return True, ""
    if file.path is not None:
        return False, f"its built-in weights file {file.path} is missing; reinstall the application"
    size = "" if file.size_bytes is None else f" ({file.size_bytes / 1e6:.0f} MB)"
    return False, f"its weights{size} will be downloaded from huggingface.co/{file.repo_id} with the first use"


def local_path(file: WeightFile) -> Path | None:
    """Return where the file lies on this machine, unverified, or None."""
    if file.path is not None:
        path = weights_folder() / file.path
        return path if path.is_file() else None
    from huggingface_hub import try_to_load_from_cache

    assert file.repo_id is not None
    assert file.filename is not None
    cached = try_to_load_from_cache(file.repo_id, file.filename, revision=file.revision)
    return Path(cached) if isinstance(cached, str) else None


def ensure(file: WeightFile, *, model: str) -> Path:
    """Return the verified local path of a file, downloading it where it is not there yet.

    A file of the wrong size or sha256 is removed and fetched once more.

    Raises:
        WeightsUnavailable: the file cannot be had or is wrong; the message says why and what to do.
    """
    if file.path is not None:
        path = weights_folder() / file.path
        if not path.is_file():
            message = f"The weights file {file.path} of {model} is missing; reinstall the application."
            raise WeightsUnavailable(message, model=model)
        if not _is_right(path, file):
            message = f"The weights file {file.path} of {model} is not the one that ships; reinstall the application."
            raise WeightsUnavailable(message, model=model)
        return path
    path = _download(file, model=model, force=False)
    if _is_right(path, file):
        return path
    log.warning("%s of %s has the wrong size or sha256; it is fetched again", file.filename, model)
    _remove(path)
    path = _download(file, model=model, force=True)
    if _is_right(path, file):
        return path
    _remove(path)
    raise WeightsUnavailable(
        f"The weights file {file.filename} of {model} came with the wrong content twice and was removed; "
        "try again later or choose another model.",
        model=model,
    )


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


def _download(file: WeightFile, *, model: str, force: bool) -> Path:
    """Return the cached file or download it; huggingface_hub locks it against other threads and processes."""
    import huggingface_hub
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    assert file.repo_id is not None
    assert file.filename is not None
    source = f"{file.filename} of {model} (huggingface.co/{file.repo_id})"
    try:
        return Path(
            huggingface_hub.hf_hub_download(file.repo_id, file.filename, revision=file.revision, force_download=force)
        )
    except GatedRepoError as error:
        reason = "needs the consent of a signed-in user; set HF_TOKEN or choose another model."
        cause: Exception = error
    except LocalEntryNotFoundError as error:
        reason = "is not on this machine and the Hub cannot be reached; connect once or choose a built-in model."
        cause = error
    except (EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError) as error:
        reason = "is no longer on the Hub; choose another model."
        cause = error
    except Exception as error:  # the client lets errors of two HTTP libraries, the disk and its own through
        reason = f"cannot be downloaded ({type(error).__name__}); try again later or choose a built-in model."
        cause = error
    raise WeightsUnavailable(f"The weights file {source} {reason}", model=model) from cause
