"""Session files: write one (`SessionWriter`), open one as a Session, save one under another name."""

from __future__ import annotations

import os
import sqlite3
import struct
from pathlib import Path
from typing import Final

import msgspec

from engine import leftovers
from engine.destination import partial_beside
from engine.errors import SessionFileError
from engine.session.checking import check_content
from engine.session.destination import claim_destination
from engine.session.loading import load
from engine.session.patience import Patience
from engine.session.reader import SessionFile
from engine.session.store import Session
from engine.session.writer import SessionWriter

__all__ = ["SessionFile", "SessionWriter", "open_session", "save_as"]


SENSELESS: Final = (
    LookupError, ValueError, TypeError, ArithmeticError, RecursionError, MemoryError, BufferError, struct.error,
    msgspec.MsgspecError,
)  # fmt: skip
"""The errors that loading and checking raise where content makes no sense: those of Python, numpy and msgspec."""


def open_session(path: str | os.PathLike[str], patience: Patience | None = None) -> Session:
    """The Session of a file. Its blobs are read from the file when they are needed (`Session.source`).

    Raises SessionFileError, whose message says what is wrong with the file, or that `patience` was given up.
    """
    file = SessionFile(path, patience)
    try:
        session = load(file)
        check_content(session)
        file.layers = session.layers
        return session
    except SENSELESS as error:
        file.close()
        raise file.damaged(error) from error
    except BaseException:
        file.close()
        raise


def save_as(source: str | os.PathLike[str], destination: str | os.PathLike[str]) -> None:
    """Copy a session file, also while it is being written. The copy is complete and needs no files beside it.

    An older session at the destination is replaced once the copy is complete. Raises SessionFileError where the source
    cannot be read or the destination cannot be written; the destination is then unchanged.
    """
    target = Path(destination)
    if target.exists() and os.path.samefile(source, target):
        return
    file = SessionFile(source)
    claim = None
    try:
        claim = claim_destination(target)
        with leftovers.removed(partial_beside(claim.path)) as unfinished:
            with leftovers.finishing:
                unfinished.touch()
            file.backup(unfinished)
            unfinished.replace(claim.path)
    except BaseException as error:
        if claim is not None and claim.made:
            claim.path.unlink(missing_ok=True)
        if isinstance(error, sqlite3.Error | OSError):
            raise SessionFileError(f"The session could not be saved as {destination}: {error}.") from error
        raise
    finally:
        file.close()
        if claim is not None:
            claim.close()
