"""Writing the sha256 of downloaded files into the manifest, in the text as it stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from restoration.types import WeightFile
from restoration.weights.hub import RemoteFile

_FILE_TABLE = re.compile(r"\[\[model\.file\]\]\n|\[file\.[^\]\n]+\]\n")


def pin(folder: Path, found: Sequence[tuple[WeightFile, RemoteFile]]) -> int:
    """Write hashes and sizes below the file names in a manifest; return how many files of it changed.

    Args:
        folder: the manifest.
        found: files of the Hub, and what is to be written of each.
    """
    count = 0
    for path in sorted(folder.glob("*.toml")):
        text = path.read_text(encoding="utf-8")
        pinned = text
        for file, known in found:
            before, pinned = pinned, with_pin(pinned, file, known)
            count += pinned != before
        if pinned != text:
            tomllib.loads(pinned)  # never write what cannot be read again
            partial = path.with_suffix(".partial")
            partial.write_text(pinned, encoding="utf-8")
            partial.replace(path)
    return count


def with_pin(text: str, file: WeightFile, known: RemoteFile) -> str:
    """Return the text of a manifest with the hash and the size of a file below its name, wherever it is described."""
    names = [f'filename = "{file.filename}"\n', f'repo_id = "{file.repo_id}"\n']
    tables = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
    for index, table in enumerate(tables):
        if _FILE_TABLE.match(table) and all(name in table for name in names):
            bare = re.sub(r"^(sha256|size_bytes) = .*\n", "", table, flags=re.MULTILINE)
            lines = f'{names[0]}sha256 = "{known.sha256}"\nsize_bytes = {known.size_bytes}\n'
            tables[index] = bare.replace(names[0], lines)
    return "".join(tables)
