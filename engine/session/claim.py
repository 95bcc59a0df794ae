"""One program at a time makes a session file at a path: a claim on it, which ends with the process however it ends.

It is a lock of the kernel's on the file itself. A file is never replaced but by one that is locked already, and whoever
gets the lock of a file looks whether that is still the one at the path; so there is no moment in which two have it.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Final

from engine import leftovers
from engine.destination import partial_beside

if sys.platform != "win32":
    import fcntl

CREATED: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
TRIES: Final = 1000
"""Each follows on a file that was replaced between its opening and its lock."""

_of_this_process: set[tuple[int, int]] = set()
"""(device, inode) of what is claimed here: to open and close such a file would take SQLite's own locks from it."""


class HeldError(Exception):
    """Another program, or another part of this one, has the file."""


class Claim:
    """The file at a path, made where there is none, for this one alone until `close`.

    Raises HeldError, and OSError where it cannot be made or written. Where the file system knows no such locks, it
    claims nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.made = not path.exists()
        """Whether there was no file before."""
        self._descriptor = -1
        self._identity = (-1, -1)
        for _ in range(TRIES):
            if is_claimed_here(path):
                raise HeldError
            descriptor = os.open(path, CREATED, 0o666)
            try:
                _lock(descriptor)
            except BlockingIOError:
                os.close(descriptor)
                raise HeldError from None
            if self._keep(descriptor):
                return
        raise HeldError

    def start_anew(self) -> None:
        """Put an empty file, which is claimed as well, in the place of this one. Raises OSError."""
        partial = partial_beside(self.path)
        with leftovers.removed(partial):
            with leftovers.finishing:
                descriptor = os.open(partial, CREATED | os.O_EXCL, 0o666)
            try:
                _lock(descriptor)
                partial.chmod(stat.S_IMODE(self.path.stat().st_mode))
                if sys.platform == "win32":
                    self.close()  # there, an open file cannot be replaced
                partial.replace(self.path)
            except OSError:
                os.close(descriptor)
                raise
        self.close()
        self._keep(descriptor)

    def unlock(self) -> None:
        """Claim nothing any more: where the file system takes this lock for one of SQLite's own (NFS)."""
        if self._descriptor >= 0 and sys.platform != "win32":
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the file back; not before SQLite has closed it. Safe to call twice."""
        if self._descriptor >= 0:
            _of_this_process.discard(self._identity)
            os.close(self._descriptor)
            self._descriptor = -1

    def _keep(self, descriptor: int) -> bool:
        """Whether this descriptor is of the file that is at the path; closes it where not."""
        mine = os.fstat(descriptor)
        try:
            there = os.stat(self.path)
        except FileNotFoundError:
            there = None
        if there is None or (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino):
            os.close(descriptor)
            return False
        self._descriptor, self._identity = descriptor, (mine.st_dev, mine.st_ino)
        _of_this_process.add(self._identity)
        return True


def is_claimed_here(path: Path) -> bool:
    """Whether this process has a claim on the file at a path; it must not be opened then, but by SQLite."""
    try:
        there = os.stat(path)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) in _of_this_process


def is_claimed(path: Path) -> bool:
    """Whether anybody has a claim on the file at a path."""
    if is_claimed_here(path):
        return True
    if sys.platform == "win32":
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _lock(descriptor: int) -> None:
    """Raises BlockingIOError where somebody else has the lock."""
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            pass  # no such locks here
