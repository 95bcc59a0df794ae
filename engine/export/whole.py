"""A file, or a folder of files, that is there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

from engine.errors import SessionFileError
from engine.session.writer import HEADER_BYTES, is_session


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path beside `path` to write to, which takes its place when all went well and is removed when not.

    What is no ordinary file (a pipe, /dev/null) is written directly. Raises OSError where it cannot be written, and
    SessionFileError where `path` is a session file: no export takes the place of a recording.
    """
    target = Path(path)
    if target.is_file() and _holds_session(target):
        raise SessionFileError(f"{target} is a session file and was left as it is; write to another file.")
    if target.exists() and not target.is_file():
        yield target
        return
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def filling(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """An empty folder beside `folder`, whose files go into it when all went well and are removed when not.

    Files in `folder` that have the same names are replaced, others stay. Raises OSError where it cannot be written.
    """
    target = Path(folder)
    made = next(one for one in (target, *target.parents) if one.exists()) != target
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as beside:
        partial = Path(beside)
        yield partial
        target.mkdir(exist_ok=True)
        try:
            for file in sorted(partial.iterdir()):
                file.replace(target / file.name)
        except OSError:
            if made:
                rmtree(target, ignore_errors=True)
            raise


def _holds_session(file: Path) -> bool:
    with file.open("rb") as stream:
        return is_session(stream.read(HEADER_BYTES))
