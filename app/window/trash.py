"""Moves files to the desktop's trash, and back from it."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PySide6.QtCore import QFile

from engine.client.recordings import throw_away, with_companions
from engine.errors import SessionFileError

INFO: Final = ".trashinfo"
"""The ending of the file by which a desktop of Linux knows where a file of its trash was."""


KEPT_DAYS: Final = 30


def move_to_trash(path: Path) -> bool:
    """Move a file to the trash; returns whether that worked."""
    return _moved(path)[0]


@dataclass(frozen=True, slots=True)
class Deleted:
    """A session file that was moved away."""

    path: Path
    """Where it was."""
    moved: tuple[tuple[Path, Path], ...]
    """(where it was, where it is) of the session and of the files beside it; empty where the system does not say."""
    kept_in: Path | None = None
    """The folder that has it where there is no trash; None: it is in the trash."""

    @property
    def comes_back(self) -> bool:
        """Whether `bring_back` can find it."""
        return bool(self.moved)


def delete(path: Path, otherwise: Path) -> Deleted:
    """Move a session file to the trash, with SQLite's files beside it.

    Where there is no trash, it goes into a folder of its own below `otherwise`, and stays there for KEPT_DAYS days.
    Raises SessionFileError where neither takes it.
    """
    moved: list[tuple[Path, Path | None]] = []

    def discard(one: Path) -> bool:
        done, where = _moved(one)
        if done:
            moved.append((one, where))
        return done

    if throw_away(path, discard):
        known = tuple((was, where) for was, where in moved if where is not None)
        return Deleted(path, known if len(known) == len(moved) else ())
    try:
        otherwise.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="deleted-", dir=otherwise))
        kept = []
        for one in with_companions(path):
            if one == path or one.is_file():
                shutil.move(one, folder / one.name)
                kept.append((one, folder / one.name))
    except OSError as error:
        raise SessionFileError(f"{path} was not deleted: {error.strerror or error}.") from error
    return Deleted(path, tuple(kept), otherwise)


def forget_deleted(folder: Path, now_s: float) -> None:
    """Delete for good what `delete` has kept in this folder for more than KEPT_DAYS days."""
    with suppress(OSError):
        for one in folder.glob("deleted-*"):
            if one.is_dir() and not one.is_symlink() and now_s - one.stat().st_mtime > KEPT_DAYS * 86_400:
                shutil.rmtree(one, ignore_errors=True)


def bring_back(deleted: Deleted) -> None:
    """Move a deleted session back to where it was; raises SessionFileError where it cannot be."""
    if os.path.lexists(deleted.path):
        raise SessionFileError(f"{deleted.path} was not brought back: there is another file of this name now.")
    try:
        for was, where in reversed(deleted.moved):  # the session last: until then nobody opens it without its log
            was.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(where, was)
            if where.parent.name == "files":
                with suppress(OSError):
                    (where.parent.parent / "info" / f"{where.name}{INFO}").unlink()
        if deleted.kept_in is not None:
            with suppress(OSError):
                deleted.moved[0][1].parent.rmdir()
    except OSError as error:
        raise SessionFileError(f"{deleted.path} was not brought back: {error.strerror or error}.") from error


def _moved(path: Path) -> tuple[bool, Path | None]:
    """Move a file to the trash: (whether that worked, where it is now; None where the system does not say)."""
    file = QFile(str(path))
    done = file.moveToTrash()
    where = file.fileName() if done else ""  # the file's name is that in the trash now, where it is known
    return done, Path(where) if where and Path(where) != path else None
