"""Writes a file, or a folder of files, completely or not at all."""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from engine import leftovers
from engine.destination import destination, partial_beside
from engine.errors import SessionFileError
from engine.session.destination import HEADER_BYTES, is_session

NO_NEW_FILE: Final = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV)
"""Errors where a folder takes no new file, or a file cannot be replaced, though the file itself may be writable: the
folder's permissions forbid it, or the file is mounted alone."""


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A file to write to. It replaces what is at `path` if all went well, and is removed if not.

    Links are followed, and stay. What is not an ordinary file is written directly and never replaced: a device, a pipe,
    or a file that this process has open (/dev/stdout, /dev/fd/N), which is continued at its position. A file that
    cannot be replaced in its folder is overwritten once its whole content is written. Raises OSError where `path`
    cannot be written, and SessionFileError where it is a session file: no export replaces a recording.
    """
    to = destination(path)
    if to.kind == "descriptor":
        with os.fdopen(os.dup(to.descriptor), "wb") as file:
            yield file
    elif to.kind == "stream":
        with to.path.open("wb") as file:
            yield file
    else:
        if to.kind == "file":
            _check_replaceable(to.path)
        with _whole(to.path) as file:
            yield file


@contextmanager
def filling(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """An empty folder beside `folder`. Its files are moved into `folder` if all went well, and removed if not.

    Files in `folder` that have the same names are replaced, others stay; links are followed, and stay. Raises OSError
    where `folder` cannot be written.
    """
    above = Path(folder)
    made = next(one for one in (above, *above.parents) if os.path.lexists(one)) != above
    above.parent.mkdir(parents=True, exist_ok=True)
    to = destination(folder)
    if to.kind not in ("folder", "new"):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), os.fspath(folder))
    target = to.path
    with leftovers.folder(beside=target.parent) as partial:
        yield partial
        with leftovers.finishing:
            target.mkdir(exist_ok=True)
            try:
                for file in sorted(partial.iterdir()):
                    _put(file, target / file.name)
            except OSError:
                if made:
                    shutil.rmtree(target, ignore_errors=True)
                raise


def _check_replaceable(target: Path) -> None:
    """Raise SessionFileError for a session, and OSError for a file that must not be written."""
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(target))
    try:
        with target.open("rb") as stream:
            head = stream.read(HEADER_BYTES)
    except PermissionError:
        return  # a file that may be written but not read
    if is_session(head):
        raise SessionFileError(f"{target} is a session file and was left as it is; write to another file.")


@contextmanager
def _whole(target: Path) -> Iterator[IO[bytes]]:
    partial = partial_beside(target)
    with leftovers.removed(partial):
        try:
            with leftovers.finishing:
                descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o666)
        except OSError as error:
            if error.errno not in NO_NEW_FILE or not target.exists():
                raise
            with tempfile.TemporaryFile() as aside:
                yield aside
                _overwrite(target, aside)
            return
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _put(partial, target)


def _put(partial: Path, target: Path) -> None:
    """Replace what is at `target`, links followed, by a complete file, with the permissions of the old one."""
    to = destination(target)
    if to.kind == "file":
        partial.chmod(stat.S_IMODE(to.path.stat().st_mode))
    if to.kind in ("file", "new"):
        try:
            partial.replace(to.path)
            return
        except OSError as error:
            if error.errno not in NO_NEW_FILE or to.kind == "new":
                raise
    with partial.open("rb") as file:
        _overwrite(to.path, file)


def _overwrite(target: Path, source: IO[bytes]) -> None:
    """Copy a complete file into one that cannot be replaced."""
    source.seek(0, io.SEEK_SET)
    with target.open("wb") as file:
        shutil.copyfileobj(source, file)
