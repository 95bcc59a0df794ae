"""Checks a session file before SQLite opens it: its first bytes, and the files beside it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from engine.errors import SessionFileError
from engine.lfs_pointer import is_pointer, pointer_sentence
from engine.regular_file import check_regular, open_regular
from engine.session.connecting import COMPANIONS
from engine.session.destination import HEADER_BYTES, is_session
from engine.session.tables import VERSION

JOURNAL_MAGIC: Final = bytes.fromhex("d9d505f920a163d7")
JOURNAL_HEADER_BYTES: Final = 28
NOTHING_RECORDED: Final = "holds nothing: it was stopped before anything was recorded."


def version_of(path: Path) -> int:
    """The format version of a session file, from its header.

    Raises SessionFileError where the header is not that of a session which this program can read, or where the file is
    shorter than its header says.
    """
    head, size = _head_of(path)
    if is_pointer(head):
        raise SessionFileError(pointer_sentence(path))
    if not head.startswith(b"SQLite format 3\0"):
        raise SessionFileError(f"{path} is not a session file: it is not an SQLite database.")
    if not is_session(head):
        raise SessionFileError(f"{path} is an SQLite database, but not a session of DecodeScope.")
    version = int.from_bytes(head[60:64], "big")
    if version > VERSION:
        raise SessionFileError(
            f"{path} has format version {version}; this DecodeScope reads up to version {VERSION}. "
            "A newer DecodeScope opens it."
        )
    page, pages = int.from_bytes(head[16:18], "big"), int.from_bytes(head[28:32], "big")
    page = 65536 if page == 1 else page
    if head[24:28] == head[92:96] and size < page * pages and not logs_beside(path):
        missing = page * pages - size
        raise SessionFileError(f"{path} is damaged or cut short: {missing} of its {page * pages} bytes are missing.")
    return version


def logs_beside(path: Path) -> list[Path]:
    """The files beside the session that belong to its content: a write-ahead log, or a journal to roll back."""
    logs = (Path(f"{path}{end}") for end in ("-wal", "-journal"))
    return [log for log in logs if log.exists() and log.stat().st_size > 0]


def _head_of(path: Path) -> tuple[bytes, int]:
    """The first bytes of the file, and its size in bytes.

    Raises SessionFileError where the file cannot be read, or where its recording stopped before the first commit.
    """
    try:
        with open_regular(path) as file:
            head = file.read(HEADER_BYTES)
            size = os.fstat(file.fileno()).st_size
        _check_companions(path)
        nothing = _was_being_made(path, size)
    except FileNotFoundError:
        if path.is_symlink():
            raise SessionFileError(f"{path} is a link to a file that is not there.") from None
        raise SessionFileError(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise SessionFileError(f"{path} is a folder, not a session file.") from None
    except OSError as error:
        raise SessionFileError(f"{error.filename or path} cannot be read: {error.strerror}.") from error
    if nothing:
        raise SessionFileError(f"{path} {NOTHING_RECORDED}")
    return head, size


def _check_companions(path: Path) -> None:
    """Raise OSError where a file that SQLite keeps beside the session is not a regular file.

    SQLite opens these files by itself, and would wait for ever for a pipe.
    """
    for end in COMPANIONS:
        with suppress(FileNotFoundError):
            check_regular(f"{path}{end}")


def _was_being_made(path: Path, size: int) -> bool:
    """Whether a journal beside the file, rolled back, would leave an empty file; raises OSError."""
    try:
        with open_regular(f"{path}-journal") as journal:
            head = journal.read(JOURNAL_HEADER_BYTES)
    except FileNotFoundError:
        return False
    undone = head.startswith(JOURNAL_MAGIC) and head[16:20] == bytes(4)  # number of pages before
    return undone or size == 0
