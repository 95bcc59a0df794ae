"""What a recording is, in few words, read without opening it as a session: for lists of recordings."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.errors import SessionFileError
from engine.session.connecting import COMPANIONS
from engine.session.patience import Patience

FACTS: Final = ("model", "epoch_ns", "name", "notes")
"""The facts of `meta` that a list of recordings shows or looks in."""
MOST_OF_PROMPT: Final = 400
MOST_PROMPTS: Final = 20
"""Characters of a prompt, and prompts of a recording, in which a list of recordings looks for a text."""


@dataclass(frozen=True, slots=True)
class RecentRecording:
    """A recorded session and its file."""

    path: str
    model: str = ""
    """"" where the file does not say."""
    tokens: int | None = None
    size_bytes: int = 0
    """With the files that SQLite keeps beside it."""
    began_s: float = 0.0
    """When it was recorded, seconds since 1970; when the file was changed, where it does not say."""
    fault: str = ""
    """Why it cannot be opened."""
    name: str = ""
    """What a person calls it."""
    notes: str = ""
    prompts: tuple[str, ...] = ()
    """The beginnings of its first prompts."""
    requests: int | None = None
    steps: int | None = None
    length_s: float | None = None
    """From the start of the first step to the end of the last."""


def look_at(paths: Iterable[str], patience: Patience) -> list[RecentRecording]:
    """The facts of these files, in order; files that are not there any more are left out."""
    found = []
    for path in paths:
        if patience.over:
            break
        one = look_at_one(path, patience)
        if one is not None:
            found.append(one)
    return found


def look_at_one(path: str, patience: Patience) -> RecentRecording | None:
    """The facts of a file; None where it is not there any more."""
    try:
        stat = Path(path).stat()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        return RecentRecording(path, fault=f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.")
    from engine.session.file import SessionFile  # here, so that the window opens sooner

    size_bytes = stat.st_size + _beside(path)
    try:
        file = SessionFile(path, patience)
    except SessionFileError as error:
        return RecentRecording(path, size_bytes=size_bytes, began_s=stat.st_mtime, fault=str(error))
    try:
        marks = ", ".join("?" * len(FACTS))
        meta = dict(file.query(f"SELECT key, value FROM meta WHERE key IN ({marks})", FACTS))
        [(last_token,)] = file.query("SELECT max(id) FROM tokens")
        ends = file.query(
            "SELECT id, end_ns - (SELECT start_ns FROM steps ORDER BY id LIMIT 1) FROM steps ORDER BY id DESC LIMIT 1"
        )
        [(last_request,)] = file.query("SELECT max(rowid) - 1 FROM requests")
        prompts = file.query(
            "SELECT substr(prompt, 1, ?) FROM requests ORDER BY rowid LIMIT ?", (MOST_OF_PROMPT, MOST_PROMPTS)
        )
    except SessionFileError as error:
        return RecentRecording(path, size_bytes=size_bytes, began_s=stat.st_mtime, fault=str(error))
    finally:
        file.close()
    began_s = stat.st_mtime
    with suppress(ValueError, OverflowError, TypeError):
        began_s = int(meta["epoch_ns"]) / 1e9 if "epoch_ns" in meta else began_s
    last_step, length_ns = ends[0] if ends else (None, None)
    return RecentRecording(
        path, _text(meta.get("model")), _count(last_token), size_bytes, began_s,
        name=_name(meta), notes=_text(meta.get("notes")), prompts=tuple(_text(one) for (one,) in prompts),
        requests=_count(last_request), steps=_count(last_step),
        length_s=length_ns / 1e9 if isinstance(length_ns, int) and length_ns >= 0 else None,
    )  # fmt: skip


def is_worked_on(path: str) -> bool:
    """Whether a person gave the recording a name, notes or a mark; False where the file cannot be read."""
    from engine.session.edits import USER
    from engine.session.file import SessionFile

    try:
        file = SessionFile(path)
    except SessionFileError:
        return False
    try:
        named = "SELECT 1 FROM meta WHERE key IN ('name', 'notes') AND value <> ''"
        return bool(file.query(f"{named} UNION ALL SELECT 1 FROM marks WHERE kind = '{USER}' LIMIT 1"))
    except SessionFileError:
        return False
    finally:
        file.close()


def _name(meta: dict[str, Any]) -> str:
    from engine.session.naming import name_in

    return name_in({"name": _text(meta.get("name"))})


def _beside(path: str) -> int:
    """The bytes of the files that SQLite keeps beside a session that is written, or whose writer was killed."""
    size = 0
    for end in COMPANIONS:
        with suppress(OSError):
            size += Path(f"{path}{end}").lstat().st_size
    return size


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(last: object) -> int | None:
    """How many rows there are, by the number of the last; None where the file holds what is no number."""
    return last + 1 if isinstance(last, int) else 0 if last is None else None
