"""Where a session file may be written: to a new file, an empty file, or an older session that no program uses."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from engine import leftovers
from engine.destination import destination, partial_beside
from engine.errors import SessionFileError
from engine.session.claim import Claim, HeldError, is_claimed
from engine.session.connecting import connect
from engine.session.patience import Patience, Watch
from engine.session.tables import APPLICATION_ID

HEADER_BYTES: Final = 100
"""The size of SQLite's header at the start of a file."""


def check_destination(path: Path) -> None:
    """Raise SessionFileError where a session cannot be written to `path`. An existing file is not changed."""
    try:
        to = session_destination(path)
        if not to.exists():
            with leftovers.removed(partial_beside(to)) as probe:
                probe.touch(exist_ok=False)
        else:
            _check_older(path, to)
    except OSError as error:
        raise SessionFileError(f"The session file {path} cannot be written: {error.strerror}.") from error


def claim_destination(path: Path) -> Claim:
    """A claim on the file at `path`, links followed: an older session, or an empty file, made where there is none.

    Raises SessionFileError where a session cannot be written there, or where another program uses the file.
    """
    try:
        to = session_destination(path)
        if to.exists():
            _check_older(path, to)
        claim = Claim(to)
    except HeldError:
        raise _used(path) from None
    except OSError as error:
        raise SessionFileError(f"The session file {path} cannot be written: {error.strerror}.") from error
    return claim


def session_destination(path: Path) -> Path:
    """The file to which a session at `path` is written, links followed.

    Raises SessionFileError where the folder does not exist, or where the path is a folder, a device, a pipe or an open
    stream. Raises OSError where links lead in a circle.
    """
    try:
        to = destination(path)
    except (FileNotFoundError, NotADirectoryError):
        folder = (path if not path.is_symlink() else path.parent / os.readlink(path)).parent
        raise SessionFileError(f"The folder {folder} does not exist; the session cannot be written.") from None
    match to.kind:
        case "folder":
            raise SessionFileError(f"{path} is a folder; name a file to write the session to.")
        case "stream":  # replacing /dev/null would break every other program
            raise SessionFileError(f"{path} is no ordinary file (a device or a pipe); it was left as it is.")
        case "descriptor":
            raise SessionFileError(
                f"{path} is no ordinary file (it is open already, as a stream), and a session cannot be written as a "
                "stream; name a file."
            )
    return to.path


def _check_older(path: Path, file: Path) -> None:
    """Raise SessionFileError unless a new session can replace `file`, to which `path` leads. Raises OSError, too."""
    if is_claimed(file):
        raise _used(path)
    with file.open("r+b") as stream:
        head = stream.read(HEADER_BYTES)
    if head and not is_session(head):
        raise SessionFileError(f"{path} exists and is not a session file; it was left as it is.")
    if head and in_use(file):
        raise _used(path)


def _used(path: Path) -> SessionFileError:
    return SessionFileError(f"{path} is being recorded or read by another program; it was left as it is.")


def is_session(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a session file."""
    return head.startswith(b"SQLite format 3\0") and int.from_bytes(head[68:72], "big") == APPLICATION_ID


def in_use(path: Path) -> bool:
    """Whether a program writes this session file, or reads it while its writer has not closed it.

    Raises SessionFileError where a file beside it is not one that SQLite makes there.
    """
    try:
        db = connect(path, "mode=rw", Watch(Patience()), wait_s=0)
    except sqlite3.Error:
        return False
    except ValueError as error:
        raise SessionFileError(f"{path} was left as it is: {error}.") from error
    try:
        db.execute("PRAGMA journal_mode = DELETE")  # needs exclusive access where there is a write-ahead log
        db.execute("BEGIN IMMEDIATE")
        db.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        return "locked" in str(error)
    except sqlite3.DatabaseError:
        return False  # damaged, so no program uses it
    finally:
        db.close()
    return False
