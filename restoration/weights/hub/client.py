"""Calls of huggingface_hub: file metadata and downloads into the cache."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from restoration.errors import WeightsUnavailable
from restoration.types import WeightFile

_CHUNK_BYTES = 1024 * 1024
_META_TIMEOUT_S = 10.0
_SPARE_BYTES = 200_000_000


@dataclass(frozen=True)
class RemoteFile:
    """What the Hub says of a file before it is downloaded; `sha256` is None for files outside LFS."""

    size_bytes: int | None
    sha256: str | None


def remote_file(file: WeightFile) -> RemoteFile:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    assert file.repo_id is not None
    assert file.filename is not None
    url = hf_hub_url(file.repo_id, file.filename, revision=file.revision, repo_type=file.repo_type)
    found = get_hf_file_metadata(url, timeout=_META_TIMEOUT_S)
    is_sha256 = found.etag is not None and len(found.etag) == 64
    return RemoteFile(found.size, found.etag if is_sha256 else None)


def get(file: WeightFile, count: Callable[[int], None]) -> Path:
    """Download a file into the cache, resuming a partial one; report new bytes to `count`."""
    import huggingface_hub
    from huggingface_hub import constants

    # By default the client hands on 10 MB at once: until then nobody is told of progress, cannot stop it, and a
    # connection that is cut begins from the first byte.
    constants.DOWNLOAD_CHUNK_SIZE = min(constants.DOWNLOAD_CHUNK_SIZE, _CHUNK_BYTES)
    assert file.repo_id is not None
    assert file.filename is not None
    return Path(
        huggingface_hub.hf_hub_download(
            file.repo_id,
            file.filename,
            revision=file.revision,
            repo_type=file.repo_type,
            tqdm_class=_meter(count),
        )
    )


def check_disk(size_bytes: int | None, *, model: str) -> None:
    """Make sure that a file fits on the disk of the cache.

    Raises:
        WeightsUnavailable: it does not.
    """
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE)
    while not folder.exists():
        folder = folder.parent
    free_bytes = shutil.disk_usage(folder).free
    needed_bytes = (size_bytes or 0) + _SPARE_BYTES
    if free_bytes < needed_bytes:
        raise WeightsUnavailable(
            f"The weights of {model} need {needed_bytes / 1e6:.0f} MB of free disk but only "
            f"{free_bytes / 1e6:.0f} MB are left in {folder}; free some, or set HF_HOME to another disk.",
            model=model,
        )


def partial_bytes(file: WeightFile) -> int:
    """Return how much lies in the cache of files of that repository that are being downloaded, by any process."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = (
        Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=str(file.repo_id), repo_type=file.repo_type) / "blobs"
    )
    total_bytes = 0
    for path in folder.glob("*.incomplete"):
        with contextlib.suppress(FileNotFoundError):  # done in the meantime
            total_bytes += path.stat().st_size
    return total_bytes


def _meter(count: Callable[[int], None]) -> type[Any]:
    """Return a class that huggingface_hub takes for a progress bar; it only counts."""

    class Meter:
        def __init__(self, *_: object, initial: float = 0, **__: object) -> None:
            self.n = 0
            self.total: int | None = None
            self.update(initial)  # what an earlier try left

        def update(self, new_bytes: float | None = 1) -> None:
            self.n += int(new_bytes or 0)
            count(int(new_bytes or 0))

        def close(self) -> None:
            """Nothing is shown, so nothing is to be closed."""

        def __enter__(self) -> Meter:
            return self

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            self.close()

    return Meter
