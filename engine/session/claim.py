"""A claim on the path of a session file, so that only one program at a time writes it.

The claim is a kernel lock on the file itself, so it ends when the process ends, in whatever way. A claimed file is
replaced only by a file that is locked already, and a program that gets a lock then checks that its file is still the
one at the path. So two programs never hold the claim at the same moment.
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
"""Attempts to claim a file. An attempt fails where the file was replaced between opening and locking it."""

_of_this_process: set[tuple[int, int]] = set()
"""(device, inode) of the files that this process has claimed. This process must not open and close such a file itself:
that would release the locks that SQLite holds on it."""


class HeldError(Exception):
    """Another program, or another part of this program, has claimed the file."""


class Claim:
    """The file at a path, made where there is none and claimed until `close`.

    Raises HeldError where another claim exists, and OSError where the file cannot be made or written. On a file system
    without such locks (and on Windows), no other program is kept out.
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
        """Replace the file by an empty one, which is claimed as well. Raises OSError."""
        partial = partial_beside(self.path)
        with leftovers.removed(partial):
            with leftovers.finishing:
                descriptor = os.open(partial, CREATED | os.O_EXCL, 0o666)
            try:
                _lock(descriptor)
                partial.chmod(stat.S_IMODE(self.path.stat().st_mode))
                if sys.platform == "win32":
                    self.close()  # Windows cannot replace an open file
                partial.replace(self.path)
            except OSError:
                os.close(descriptor)
                raise
        self.close()
        self._keep(descriptor)

    def unlock(self) -> None:
        """Release the lock. For file systems where SQLite's own locks conflict with it (NFS)."""
        if self._descriptor >= 0 and sys.platform != "win32":
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """End the claim. Call it only after SQLite has closed the file; safe to call twice."""
        if self._descriptor >= 0:
            _of_this_process.discard(self._identity)
            os.close(self._descriptor)
            self._descriptor = -1

    def _keep(self, descriptor: int) -> bool:
        """Keep the descriptor if its file is the one at the path; close it otherwise. Returns whether it was kept."""
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
    """Whether this process has a claim on the file at a path. If so, only SQLite may open the file in this process."""
    try:
        there = os.stat(path)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) in _of_this_process


def is_claimed(path: Path) -> bool:
    """Whether this or another process has a claim on the file at a path; on Windows only this process is asked."""
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
    """Lock the file. Raises BlockingIOError where another descriptor holds the lock."""
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            pass  # a file system without such locks
