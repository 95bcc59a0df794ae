"""What must not stay behind: files that are not whole yet, folders of an hour, and child processes.

Each is taken away where its `with` ends; what a signal leaves no time for is taken away by `remove_all`, from any
thread, right before the process ends.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

FINISHED_WITHIN_S: Final = 0.3
"""How long the end of the program waits for whoever puts a set of whole files in its place: some renames."""

_paths: set[Path] = set()
_ends: set[Callable[[], None]] = set()
finishing: Final = threading.Lock()
"""Held while a set of files is put in its place, which must not be broken off between two of them, and while a file or
folder that must not stay is made: `remove_all` keeps it, so that none is made behind its back."""


def keep_track(path: Path) -> None:
    """This file or folder, which may not be there yet, does not outlive the program."""
    _paths.add(path)


def remove(path: Path) -> None:
    """Take a file or a folder away, if it is there; what cannot be removed stays."""
    if path.is_dir() and not path.is_symlink():
        import shutil  # noqa: PLC0415 - not before main(), where a signal still finds Python's own handler

        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
    _paths.discard(path)


@contextmanager
def removed(path: Path) -> Iterator[Path]:
    """A path whose file or folder is not there any more after this."""
    keep_track(path)
    try:
        yield path
    finally:
        remove(path)


@contextmanager
def folder(beside: Path | None = None) -> Iterator[Path]:
    """An empty folder for as long as this lasts: in `beside`, or where temporary files go. Raises OSError."""
    import tempfile  # noqa: PLC0415 - takes a while, as shutil

    with finishing:
        made = Path(tempfile.mkdtemp(prefix=".decodescope-" if beside else "decodescope-", dir=beside))
        keep_track(made)
    with removed(made) as path:
        yield path


@contextmanager
def ended(end: Callable[[], None]) -> Iterator[None]:
    """`end` is called where the program ends before this does; it must be quick, and may be called by any thread."""
    _ends.add(end)
    try:
        yield
    finally:
        _ends.discard(end)


def remove_all() -> None:
    """End and take away everything there is; for the last moment of a process, on whichever thread.

    What still runs cannot make anything new afterwards: it waits for `finishing` until the process is gone.
    """
    finishing.acquire(timeout=FINISHED_WITHIN_S)
    for end in tuple(_ends):
        with suppress(Exception):
            end()
    for path in tuple(_paths):
        remove(path)
        if os.path.lexists(path):  # somebody still writes into a folder
            remove(path)
