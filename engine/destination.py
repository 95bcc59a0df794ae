"""Finds out where a path for output really leads, before anything is made, replaced or removed there."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

MOST_LINKS: Final = 40
"""The most links that are followed: as many as Linux follows."""
OWN_DESCRIPTORS: Final = re.compile(r"/dev/fd|/proc/(self|thread-self|\d+)(/task/\d+)?/fd")
"""Folders that list the open files of a process by number; /dev/stdout is a link into one."""

Kind = Literal["descriptor", "stream", "folder", "file", "new"]


@dataclass(frozen=True, slots=True)
class Destination:
    """The end of a path, links followed; `path` is the given path if that is no link."""

    path: Path
    kind: Kind
    descriptor: int = -1
    """For a "descriptor": the number of the open file of this process."""


def destination(path: str | os.PathLike[str]) -> Destination:
    """Follow a path to what will be written: a descriptor of this process (/dev/stdout, /dev/fd/N), a stream (device,
    pipe, socket), a folder, a file, or a path where nothing exists yet ("new").

    Raises OSError, for example where links lead in a circle, the folder does not exist, or the descriptor is not open.
    """
    here = Path(path)
    for _ in range(MOST_LINKS):
        if (number := _own_descriptor(here)) is not None:
            os.fstat(number)  # it may not be open
            return Destination(here, "descriptor", number)
        try:
            what = os.lstat(here)
        except FileNotFoundError:
            os.stat(here.parent)  # raises if the folder does not exist
            return Destination(here, "new")
        if not stat.S_ISLNK(what.st_mode):
            return Destination(here, _kind(what.st_mode))
        target = here.parent / os.readlink(here)
        if _leads_elsewhere(here, target):
            return Destination(here, _kind(os.stat(here).st_mode))
        here = target
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path))


def partial_beside(target: Path) -> Path:
    """A random, so unused, path in the same folder, for the file that will replace the target."""
    return target.with_name(f".decodescope-{os.getpid()}-{secrets.token_hex(6)}")


def _own_descriptor(path: Path) -> int | None:
    """The number, if the path names a descriptor of this process; else None."""
    if not re.fullmatch(r"\d{1,9}", path.name):
        return None
    folder = os.path.realpath(path.parent)
    if not OWN_DESCRIPTORS.fullmatch(folder):
        return None
    return int(path.name) if folder == "/dev/fd" or f"/proc/{os.getpid()}/" in f"{folder}/" else None


def _leads_elsewhere(link: Path, target: Path) -> bool:
    """Whether the kernel made the link for an open file: it leads to that file, not to the path it shows."""
    try:
        meant = os.stat(link)
    except OSError:
        return False
    try:
        shown = os.stat(target)
    except OSError:
        return True
    return (meant.st_dev, meant.st_ino) != (shown.st_dev, shown.st_ino)


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return "file"
    return "folder" if stat.S_ISDIR(mode) else "stream"
