"""Removes what must not outlive the program: incomplete files, temporary folders, and child processes.

Each is removed where its `with` ends. If a signal leaves no time for that, `remove_all` removes the rest, on any
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
"""How long the end of the program waits for a thread that moves a set of complete files to its place: some renames."""

_paths: set[Path] = set()
_ends: set[Callable[[], None]] = set()
finishing: Final = threading.Lock()
"""Held while a set of files is moved to its place, which must not stop between two files, and while a file or folder
that must not stay is made. `remove_all` takes it and never releases it, so that nothing new is made afterwards."""


def keep_track(path: Path) -> None:
    """Have `remove_all` remove this file or folder, which may not exist yet."""
    _paths.add(path)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it exists; one that cannot be removed stays."""
    if path.is_dir() and not path.is_symlink():
        import shutil  # noqa: PLC0415 - late, as it takes a while: until main() a signal meets Python's own handler

        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
    _paths.discard(path)


@contextmanager
def removed(path: Path) -> Iterator[Path]:
    """A path whose file or folder is removed at the end of the `with`."""
    keep_track(path)
    try:
        yield path
    finally:
        remove(path)


@contextmanager
def folder(beside: Path | None = None) -> Iterator[Path]:
    """An empty folder until the end of the `with`: in `beside`, or where temporary files go. Raises OSError."""
    import tempfile  # noqa: PLC0415 - late, as shutil

    with finishing:
        made = Path(tempfile.mkdtemp(prefix=".decodescope-" if beside else "decodescope-", dir=beside))
        keep_track(made)
    with removed(made) as path:
        yield path


@contextmanager
def ended(end: Callable[[], None]) -> Iterator[None]:
    """`end` is called if the program ends before the `with` does. It must be quick; any thread may call it."""
    _ends.add(end)
    try:
        yield
    finally:
        _ends.discard(end)


def remove_all() -> None:
    """End and remove everything that is tracked; called on any thread, right before the process ends.

    Threads that still run cannot make anything new afterwards: they wait for `finishing` until the process ends.
    """
    finishing.acquire(timeout=FINISHED_WITHIN_S)
    for end in tuple(_ends):
        with suppress(Exception):
            end()
    for path in tuple(_paths):
        remove(path)
        if os.path.lexists(path):  # another thread or process still writes into the folder
            remove(path)
