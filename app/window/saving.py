"""Copies of session files under names the user chose; that of a run which goes on is made again when it ends."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.core.background import Failure


class Start(Protocol):
    """Does work on a thread of its own, which writes `target`, and calls back on this one with what came of it."""

    def __call__(
        self,
        work: Callable[[], object],
        then: Callable[[object], None],
        otherwise: Callable[[Failure], None],
        target: Path,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Save:
    """A wish: the session file `source` shall lie at `target`."""

    source: str
    target: Path
    number: int
    """Counts the wishes; of two for one target the later one holds."""

    @property
    def place(self) -> str:
        """The target with links followed: one file may have several names."""
        return os.path.realpath(self.target)


class Saves:
    """Knows which file is being recorded and what was saved of it. Used by the window's thread.

    A copy belongs to the file it was asked for, whatever is shown, started or opened meanwhile. Copies are made in the
    order in which they were asked for. Where the recording went on while its copy was made, it is copied once more when
    it has ended, unless a later wish put something else in that place.
    """

    def __init__(self, start: Start, saved: Callable[[Save], None], failed: Callable[[Failure], None]) -> None:
        self._start = start
        self._saved = saved
        self._failed = failed
        self._waiting: deque[Save] = deque()
        self._now: Save | None = None
        """What is being copied."""
        self._recording = ""
        self._unfinished: list[Save] = []
        """Copies of the recording that goes on."""
        self._made: dict[str, int] = {}
        """The number of the wish whose copy lies in a place."""
        self._count = 0

    def recording_began(self, path: str) -> None:
        """This file ("": none) is being recorded from now on."""
        self._recording = path

    def recording_ended(self, path: str) -> None:
        """This file is whole: what was saved of it before is saved again."""
        if self._recording == path:
            self._recording = ""
        self._waiting += [save for save in self._unfinished if save.source == path]
        self._unfinished = [save for save in self._unfinished if save.source != path]
        self._next()

    def save(self, source: str, target: Path) -> None:
        """Copy a session file to `target`."""
        self._count += 1
        self._waiting.append(Save(source, target, self._count))
        self._next()

    def sources(self) -> list[str]:
        """The files that are, or will be, copied."""
        waiting = [save.source for save in (*self._waiting, *self._unfinished)]
        return waiting if self._now is None else [*waiting, self._now.source]

    def close(self) -> None:
        """The program ends, and with it the recording: what was saved of it is saved again."""
        self.recording_ended(self._recording)

    def _next(self) -> None:
        if self._now is not None:
            return
        while self._waiting:
            save = self._waiting.popleft()
            if self._made.get(save.place, 0) <= save.number:
                self._copy(save)
                return

    def _copy(self, save: Save) -> None:
        from engine.session.file import save_as

        grows = save.source == self._recording
        self._now = save

        def then(_: object) -> None:
            self._now = None
            self._made[save.place] = save.number
            if grows and save.source == self._recording:
                self._unfinished.append(save)
            elif grows:  # it ended while it was copied
                self._waiting.append(save)
            self._saved(save)
            self._next()

        def otherwise(failure: Failure) -> None:
            self._now = None
            self._failed(failure)
            self._next()

        self._start(lambda: save_as(save.source, save.target), then, otherwise, save.target)
