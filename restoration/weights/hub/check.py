"""Whether the Hub holds the files that the manifest names, as it names them; nothing is downloaded."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from restoration.errors import WeightsUnavailable
from restoration.types import ModelInfo, WeightFile
from restoration.weights.hub.faults import unavailable

_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class CheckedFile:
    """One file of the manifest and what the Hub says of it.

    Args:
        commit, size_bytes, sha256, licence: from the Hub; None where it tells none.
        problems: what contradicts the manifest, or keeps the file from being used.
        notes: what the manifest or the repository leaves open.
    """

    model: str
    role: str
    repository: str
    filename: str
    revision: str
    commit: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    licence: str | None = None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """Return "WRONG", "unpinned" where the manifest knows no sha256 to compare, or "right"."""
        if self.problems:
            return "WRONG"
        return "unpinned" if _NO_HASH in self.notes else "right"


_NO_HASH = "the manifest has no sha256"


def check(rows: Iterable[tuple[ModelInfo, WeightFile]]) -> list[CheckedFile]:
    """Ask the Hub for every row that lies there, each repository once.

    Raises:
        WeightsUnavailable: the Hub cannot be reached, or does not answer.
    """
    known: dict[tuple[str, str], Any] = {}
    checked = []
    for info, file in rows:
        if file.path is not None:
            continue
        key = (file.hub_address, file.revision)
        if key not in known:
            known[key] = _repository(file, model=info.title)
        checked.append(_compared(info, file, known[key]))
    return checked


def to_json(rows: Iterable[CheckedFile]) -> str:
    """Return checked files as JSON, with the time and the address of the Hub."""
    from huggingface_hub import constants

    told = {
        "hub": constants.ENDPOINT,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": [{**dataclasses.asdict(row), "verdict": row.verdict} for row in rows],
    }
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def _repository(file: WeightFile, *, model: str) -> Any | WeightsUnavailable:
    """Return what the Hub says of a repository, or why it cannot be used.

    Raises:
        WeightsUnavailable: the Hub itself cannot be asked.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        return HfApi().repo_info(
            str(file.repo_id), repo_type=file.repo_type, revision=file.revision, files_metadata=True, timeout=_TIMEOUT_S
        )
    except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError) as error:
        return unavailable(file, model=model, error=error)
    except Exception as error:  # the HTTP library below raises its own kinds
        raise unavailable(file, model=model, error=error) from error


def _compared(info: ModelInfo, file: WeightFile, found: Any | WeightsUnavailable) -> CheckedFile:
    row = CheckedFile(info.id, file.role, file.hub_address, str(file.filename), file.revision)
    if isinstance(found, WeightsUnavailable):
        return dataclasses.replace(row, problems=(str(found),))
    licence = _licence(found)
    row = dataclasses.replace(row, commit=found.sha, licence=licence)
    expected = file.licence or info.weights_licence
    problems, notes = [], []
    if licence is None:
        notes.append(f"the repository states no licence, the manifest {expected}")
    elif licence.casefold() != expected.casefold():
        problems.append(f"the repository's licence is {licence}, the manifest's {expected}")
    held = next((each for each in found.siblings or () if each.rfilename == file.filename), None)
    if held is None:
        return dataclasses.replace(row, problems=("the repository has no such file", *problems), notes=tuple(notes))
    sha256 = held.lfs.sha256 if held.lfs is not None else None
    if file.size_bytes is not None and held.size != file.size_bytes:
        problems.append(f"the file has {held.size} bytes, in the manifest {file.size_bytes}")
    if file.sha256 is None:
        notes.append(_NO_HASH)
    elif sha256 is None:
        notes.append("the Hub tells no sha256 of this file")
    elif sha256 != file.sha256:
        problems.append(f"the file's sha256 is {sha256}, in the manifest {file.sha256}")
    return dataclasses.replace(row, size_bytes=held.size, sha256=sha256, problems=tuple(problems), notes=tuple(notes))


def _licence(found: Any) -> str | None:
    """Return the licence on the card of a repository: its name where it is none of the usual ones."""
    card: Mapping[str, Any] = found.card_data.to_dict() if found.card_data is not None else {}
    licence = card.get("license_name") if card.get("license") == "other" else card.get("license")
    return None if licence is None else str(licence)
