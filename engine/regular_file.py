"""Opens ordinary files only. A path may name a pipe that no program writes to, or a device without an end."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

NO_WAIT: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
BINARY: Final = getattr(os, "O_BINARY", 0)
SPECIAL: Final = "it is a pipe, a socket or a device"
KINDS: Final = {
    stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip
"""By the type in a file's mode (`stat.S_IFMT`)."""


class SpecialFileError(OSError):
    """The path names a pipe, a socket or a device: reading it might never begin, or never end."""

    def __init__(self, path: Path, mode: int) -> None:
        super().__init__(f"{path} is no ordinary file: {SPECIAL}.")
        self.kind = KINDS.get(stat.S_IFMT(mode), "something else")
        self.strerror = SPECIAL
        self.filename = str(path)


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """An ordinary file, or a link to one, opened for reading bytes; never waits for another program.

    Raises SpecialFileError for a pipe, a socket or a device, IsADirectoryError for a folder, and the other OSErrors of
    `open`.
    """
    check_regular(path)
    # Another program may put a pipe in its place at this moment, so opening must not wait either.
    file = os.fdopen(os.open(path, os.O_RDONLY | NO_WAIT | BINARY), "rb")
    try:
        _check(os.fstat(file.fileno()).st_mode, Path(path))
    except BaseException:
        file.close()
        raise
    return file


def check_regular(path: str | os.PathLike[str]) -> os.stat_result:
    """The `os.stat` of an ordinary file, or of the one that a link leads to; raises as `open_regular`."""
    found = os.stat(path)
    _check(found.st_mode, Path(path))
    return found


def _check(mode: int, path: Path) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{path} is a folder, not a file.")
    if not stat.S_ISREG(mode):
        raise SpecialFileError(path, mode)
