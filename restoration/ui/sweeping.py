"""What visitors leave on the disk is deleted within the hour, also what an earlier process left there.

Gradio deletes only the files that the process itself remembers, and never their folders.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import re
import stat
import tempfile
import time
from asyncio import sleep as pause
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import gradio as gr
from gradio.routes import App
from gradio.utils import get_upload_folder

KEEP_FILES_S = 3300
SWEEP_EVERY_S = 240
"""The two together are less than the hour that the page promises."""
_NAMES = re.compile(r"[0-9a-f]{64}|deep_links|tmp\w+")
"""What Gradio calls its folders and, while they arrive, uploads."""
log = logging.getLogger(__name__)


@asynccontextmanager
async def swept(app: App) -> AsyncIterator[None]:
    """Sweep the folder of uploads and results at once and then every few minutes, for as long as a page is served."""
    task = asyncio.create_task(_sweep_on(app))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _sweep_on(app: App) -> None:
    while True:
        lasting = frozenset(files_of_layout(app.get_blocks()))
        await anyio.to_thread.run_sync(functools.partial(sweep, get_upload_folder(), lasting=lasting))
        await pause(SWEEP_EVERY_S)


def files_of_layout(page: gr.Blocks) -> Iterator[str]:
    """Yield the files that a page shows to everybody: its examples and what its components hold at first."""
    for block in page.blocks.values():
        yield from block.keep_in_cache
        if isinstance(block, gr.Dataset):
            yield from (value["path"] for sample in block.samples for value in sample)


def sweep(folder: str | Path, *, lasting: Collection[str] = (), now_s: float | None = None) -> None:
    """Delete the files of Gradio in its folder that are older than `KEEP_FILES_S`, and the folders left empty.

    A file is as old as its content or, where that was copied with its time, as the copy. Links are not followed. What
    cannot be deleted goes to the log.

    Args:
        lasting: files that stay; they are made young, lest another page that shares the folder delete them.
        now_s: seconds since 1970; None for the present.
    """
    for file in lasting:
        with suppress(FileNotFoundError):
            os.utime(file)
    oldest_s = (time.time() if now_s is None else now_s) - KEEP_FILES_S
    is_shared = Path(folder).resolve() == Path(tempfile.gettempdir()).resolve()  # "tmp..." may be anybody's there
    for path in _entries(Path(folder)):
        if _NAMES.fullmatch(path.name) and not (is_shared and path.name.startswith("tmp")):
            _sweep(path, oldest_s=oldest_s, lasting=lasting)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        log.warning("%s was not swept: %s", folder, error)
        return []


def _sweep(path: Path, *, oldest_s: float, lasting: Collection[str]) -> None:
    try:
        status = path.lstat()
        is_old = max(status.st_mtime, status.st_ctime) < oldest_s  # of a folder, before its files are deleted
        if not stat.S_ISDIR(status.st_mode):
            if is_old and str(path) not in lasting:
                path.unlink()
            return
        for part in _entries(path):
            _sweep(part, oldest_s=oldest_s, lasting=lasting)
        if is_old and not _entries(path):
            path.rmdir()
    except FileNotFoundError:  # deleted meanwhile
        return
    except OSError as error:
        log.warning("%s was not swept: %s", path, error)
