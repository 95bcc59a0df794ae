"""What may lie under a name where a file was expected."""

from __future__ import annotations

import os
import random
import socket
from contextlib import suppress
from pathlib import Path


def ordinary(path: Path) -> Path:
    """The path again; raises OSError where what is there is no ordinary file, which would be waited for."""
    if os.path.lexists(path) and not path.is_file():
        raise OSError(f"{path.name} is no ordinary file")
    return path


def put_something_else(rng: random.Random, path: Path) -> str:
    """Put what is no ordinary file, or an empty one, under this name; returns what."""
    what = rng.choice(
        ["pipe", "folder", "dangling link", "link to itself", "link to /dev/zero", "socket", "empty", "no rights"]
    )
    if path.is_dir() and not path.is_symlink():
        return "as it was"
    if what == "no rights":
        path.chmod(0)
        return what
    path.unlink(missing_ok=True)
    match what:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "dangling link":
            path.symlink_to("nothing-here")
        case "link to itself":
            path.symlink_to(path.name)
        case "link to /dev/zero":
            path.symlink_to("/dev/zero")
        case "socket":
            with suppress(OSError), socket.socket(socket.AF_UNIX) as one:
                one.bind(str(path))
        case _:
            path.touch()
    return what
