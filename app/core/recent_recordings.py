"""What a recording is, in few words, read without opening it as a session: for lists of recordings."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.errors import SessionFileError
from engine.session.patience import Patience


@dataclass(frozen=True, slots=True)
class RecentRecording:
    """A recorded session and its file."""

    path: str
    model: str = ""
    """"" where the file does not say."""
    tokens: int | None = None
    size_bytes: int = 0
    began_s: float = 0.0
    """When it was recorded, seconds since 1970; when the file was changed, where it does not say."""
    fault: str = ""
    """Why it cannot be opened."""


def look_at(paths: Iterable[str], patience: Patience) -> list[RecentRecording]:
    """The facts of these files, in order; files that are not there any more are left out."""
    found = []
    for path in paths:
        if patience.over:
            break
        one = _look_at(path, patience)
        if one is not None:
            found.append(one)
    return found


def _look_at(path: str, patience: Patience) -> RecentRecording | None:
    try:
        stat = Path(path).stat()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        return RecentRecording(path, fault=f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.")
    from engine.session.file import SessionFile  # here, so that the window opens sooner

    try:
        file = SessionFile(path, patience)
    except SessionFileError as error:
        return RecentRecording(path, size_bytes=stat.st_size, began_s=stat.st_mtime, fault=str(error))
    try:
        meta = dict(file.query("SELECT key, value FROM meta WHERE key IN ('model', 'epoch_ns')"))
        [(last,)] = file.query("SELECT max(id) FROM tokens")
    except SessionFileError as error:
        return RecentRecording(path, size_bytes=stat.st_size, began_s=stat.st_mtime, fault=str(error))
    finally:
        file.close()
    began_s = stat.st_mtime
    with suppress(ValueError, OverflowError, TypeError):
        began_s = int(meta["epoch_ns"]) / 1e9 if "epoch_ns" in meta else began_s
    tokens = last + 1 if isinstance(last, int) else 0 if last is None else None
    return RecentRecording(path, str(meta.get("model", "")), tokens, stat.st_size, began_s)
