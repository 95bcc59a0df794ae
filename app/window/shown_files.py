"""Which files the user's windows show now, so that no window deletes a file that another one shows."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from PySide6.QtCore import QLockFile

from engine.regular_file import open_regular

FOLDER: Final = "windows"
LIST: Final = ".json"
LOCK: Final = ".lock"
MOST_BYTES: Final = 2**20
"""Largest list of a window that is read; a list has a path for each session that the window reads."""


class ShownFiles:
    """The lists of shown files of this window and of the others, one file per window, beside the recordings folder.

    A window holds the lock beside its list as long as it lives; a list without a held lock belongs to a window that was
    killed. If the folder cannot be written, other windows do not know what is shown here.
    """

    def __init__(self, recordings: Path) -> None:
        self._folder = recordings.parent / FOLDER
        self._own = self._folder / f"{os.getpid()}-{uuid.uuid4().hex[:8]}{LIST}"
        self._lock: QLockFile | None = None
        self._shown: list[str] | None = None

    def show(self, paths: Iterable[Path]) -> None:
        """From now on this window shows these files."""
        shown = sorted({os.path.abspath(path) for path in paths})
        if shown == self._shown:
            return
        try:
            self._hold()
            unfinished = self._own.with_suffix(".unfinished")
            unfinished.write_text(json.dumps(shown), encoding="utf-8")
            unfinished.replace(self._own)
            self._shown = shown
        except OSError:
            self._shown = None

    def of_others(self) -> set[Path]:
        """Files that other windows show; lists of windows that are gone are deleted."""
        found: set[Path] = set()
        try:
            lists = [path for path in self._folder.iterdir() if path.suffix == LIST and path != self._own]
        except OSError:
            return found
        for path in lists:
            lock = _lock(path)
            if lock.tryLock(0):
                with suppress(OSError):
                    path.unlink()
                lock.unlock()
            else:
                found |= _read(path)
        return found

    def close(self) -> None:
        """This window shows nothing any more."""
        if self._lock is not None:
            with suppress(OSError):
                self._own.unlink(missing_ok=True)
            self._lock.unlock()
            self._lock = None
        self._shown = None

    def _hold(self) -> None:
        if self._lock is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = _lock(self._own)
            if not lock.tryLock(0):
                raise OSError(f"{self._own} cannot be locked.")
            self._lock = lock


def _lock(path: Path) -> QLockFile:
    lock = QLockFile(str(path.with_suffix(LOCK)))
    lock.setStaleLockTime(0)  # no expiry: a window may be open for weeks, and its lock counts until its process is gone
    return lock


def _read(path: Path) -> set[Path]:
    try:
        with open_regular(path) as file:
            shown = json.loads(file.read(MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return set()
    return {Path(one) for one in shown if isinstance(one, str)} if isinstance(shown, list) else set()
