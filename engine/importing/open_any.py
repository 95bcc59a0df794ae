"""Opens whatever holds a run: a session file, or a profiler's trace, of which a session file is made first."""

from __future__ import annotations

import os
import re
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Final

from engine.errors import SessionFileError
from engine.importing.import_trace import NO_PROGRESS, import_trace
from engine.importing.trace_text import GZIP, Progress
from engine.regular_file import open_regular
from engine.session.file import open_session
from engine.session.patience import Patience
from engine.session.store import Session
from engine.session.trace_fact import trace_of

SUFFIXES: Final = (".json", ".json.gz")
"""How names of traces end. A file with another name is a trace if it begins as one."""
BEGINNINGS: Final = (b"{", b"[")
LOOKED_AT: Final = 256
SUFFIX: Final = ".dscope"
NAME_BYTES: Final = 100


def is_trace(path: str | os.PathLike[str]) -> bool:
    """Whether a file is to be imported, by its name, else by how it begins; False where it cannot be read."""
    if os.fspath(path).lower().endswith(SUFFIXES):
        return True
    try:
        with open_regular(path) as file:
            head = file.read(LOOKED_AT)
    except OSError:
        return False
    return head.startswith(GZIP) or head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(BEGINNINGS)


def open_any(
    path: str | os.PathLike[str], folder: Path, patience: Patience | None = None, progress: Progress = NO_PROGRESS
) -> tuple[Session, Path]:
    """The Session of a file and the session file that it is read from: the file itself, or what was made of a trace.

    The session of a trace is kept in `folder`, so that its marks and notes are there when the trace is opened again;
    where the folder takes no file, in a temporary one. Raises SessionFileError or TraceError, whose message says what
    is wrong with the file, or that `patience` was given up.
    """
    if not is_trace(path):
        return open_session(path, patience), Path(path)
    kept = _kept(path, folder, patience)
    if kept is not None:
        return kept
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target = _unused(Path(path), folder)
        import_trace(path, target, patience, progress)
    except (SessionFileError, OSError) as refused:
        if patience is not None and patience.over:
            raise
        target = _unused(Path(path), Path(tempfile.mkdtemp(prefix="decodescope-imported-")))
        try:
            import_trace(path, target, patience, progress)
        except OSError:
            raise refused from None
    return open_session(target, patience), target


def _kept(path: str | os.PathLike[str], folder: Path, patience: Patience | None) -> tuple[Session, Path] | None:
    """The session that was made of this very file before, if it is still there."""
    try:
        now = os.stat(path)
        there = sorted(folder.glob(f"{_stem(Path(path), now.st_mtime)}*{SUFFIX}"))
    except (OSError, ValueError, OverflowError):
        return None
    for one in there:
        try:
            session = open_session(one, patience)
        except SessionFileError:
            continue
        trace = trace_of(session.meta.get("trace", ""))
        if trace is not None and (trace.size_bytes, trace.changed_ns) == (now.st_size, now.st_mtime_ns):
            return session, one
        close = getattr(session.source, "close", None)
        if close is not None:
            close()
    return None


def _unused(path: Path, folder: Path) -> Path:
    """A path for the session of a trace, named as recordings are: after the time of the trace, and its name."""
    stem = _stem(path, os.stat(path).st_mtime) if path.exists() else path.name
    found, number = folder / f"{stem}{SUFFIX}", 2
    while os.path.lexists(found):
        found = folder / f"{stem}_{number}{SUFFIX}"
        number += 1
    return found


def _stem(path: Path, changed_s: float) -> str:
    name = re.sub(r"(\.pt)?(\.trace)?\.json(\.gz)?$", "", path.name, flags=re.IGNORECASE)
    name = re.sub(r"[^\w.-]+", "-", name).strip("-").encode()[:NAME_BYTES].decode(errors="ignore")
    return f"{datetime.fromtimestamp(changed_s):%Y-%m-%d_%H-%M-%S}_{name or 'trace'}"
