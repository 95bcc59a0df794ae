"""Where recordings live: one file a run in the user's data folder, so that an unsaved one is never lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from engine.errors import SessionFileError
from engine.session.file import SessionFile

Answer = TypeVar("Answer")

SUFFIX: Final = ".dscope"
KEPT: Final = 50
"""How many recordings stay in the folder; the oldest beyond that are deleted when a new one begins."""


def user_folder() -> Path:
    """The folder of this person's recordings."""
    from platformdirs import user_data_path

    return user_data_path("DecodeScope", appauthor=False) / "recordings"


class Recordings:
    """The folder of recordings; it is made when the first one begins."""

    def __init__(self, folder: Path, kept: int = KEPT) -> None:
        self.folder = folder
        self._kept = kept

    def new_path(self, model: str, now: datetime | None = None) -> Path:
        """A path for the next recording, named for the time and the model, that no file has yet.

        Raises OSError where the folder cannot be made. Makes room by deleting the oldest recordings.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.prune(self._kept - 1)
        name = re.sub(r"[^\w.-]+", "-", Path(model).name).strip("-") or "model"
        stem = f"{(now or datetime.now()):%Y-%m-%d_%H-%M-%S}_{name}"
        path = self.folder / f"{stem}{SUFFIX}"
        number = 2
        while path.exists():
            path = self.folder / f"{stem}_{number}{SUFFIX}"
            number += 1
        return path

    def paths(self) -> list[Path]:
        """Every recording, newest first."""
        return sorted(self.folder.glob(f"*{SUFFIX}"), key=lambda path: (path.stat().st_mtime_ns, path.name))[::-1]

    def holds(self, path: Path) -> bool:
        """Whether this file is a recording that was not saved anywhere else."""
        return path.parent == self.folder

    def prune(self, keep: int) -> None:
        """Delete all but the newest `keep` recordings; one that cannot be deleted stays."""
        for path in self.paths()[max(keep, 0) :]:
            for one in with_companions(path):
                one.unlink(missing_ok=True)


class RecordedDetail:
    """A DetailSource over a recording: opened for each question and closed after it.

    A reader that stayed open would keep the recording from becoming one file when it ends. What cannot be read counts
    as not kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def step_blobs(self, step_id: int) -> tuple[bytes, bytes] | None:
        return self._ask(lambda file: file.step_blobs(step_id), None)

    def attention_rows(self, request_id: int, layer: int, head: int) -> list[tuple[int, int, bytes]]:
        return self._ask(lambda file: file.attention_rows(request_id, layer, head), [])

    def alternatives(self, token_id: int) -> bytes:
        return self._ask(lambda file: file.alternatives(token_id), b"")

    def _ask(self, question: Callable[[SessionFile], Answer], otherwise: Answer) -> Answer:
        try:
            file = SessionFile(self._path)
        except SessionFileError:
            return otherwise
        try:
            return question(file)
        except SessionFileError:
            return otherwise
        finally:
            file.close()


def with_companions(path: Path) -> Iterable[Path]:
    """A session file and the two files that SQLite keeps beside it while it is written."""
    return (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm"))
