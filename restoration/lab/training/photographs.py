"""The list of photographs of a run, kept in its folder so that the recipe gives the same batches again."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

from restoration.errors import InvalidRequest
from restoration.lab.training.checkpoint import make_folder
from restoration.lab.training.dataset import named_photos
from restoration.lab.training.teacher_cache import are_answers

log = logging.getLogger(__name__)

LIST = "photographs.txt"
_DIGITS = 16


def list_photographs(folders: Sequence[Path]) -> str:
    """Return a line for each photograph: the first digits of its sha256, and its name below the folders.

    Raises:
        InvalidRequest: a folder is absent, a file cannot be read, or no pictures lie in any folder.
    """
    lines = []
    for name, file in named_photos(folders):
        try:
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError as error:
            raise InvalidRequest(f"Training picture {file} cannot be read ({error.strerror}); remove it.") from error
        lines.append(f"{digest[:_DIGITS]}  {name}\n")
    return "".join(lines)


def keep_list(folders: Sequence[Path], run: Path, *, goes_on: bool) -> None:
    """Write the list into the folder of a run that begins; of one that goes on, say where the photographs differ.

    Nothing is written where the folders hold a teacher's answers, or where nobody knows what a run began with.

    Args:
        goes_on: there is a checkpoint.

    Raises:
        InvalidRequest: as `list_photographs`, or the list cannot be written.
    """
    if any(map(are_answers, folders)):
        return
    file, now = run / LIST, list_photographs(folders)
    if goes_on:
        if file.exists() and file.read_text(encoding="utf-8") != now:
            log.warning("The photographs are not those of %s, which the run began with: it goes on otherwise.", file)
        return
    make_folder(run)
    try:
        file.write_text(now, encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be written ({error.strerror}); make room or mend the folder.") from error
