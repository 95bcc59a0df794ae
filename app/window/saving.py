"""Copies of session files under names the user chose. The copy of a live run is made again when the run ends."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.core.background import Failure


class Start(Protocol):
    """Does work that writes `target` on another thread, and calls back on this one with the result."""

    def __call__(
        self,
        work: Callable[[], object],
        then: Callable[[object], None],
        otherwise: Callable[[Failure], None],
        target: Path,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Save:
    """A request of the user: copy the session file `source` to `target`."""

    source: str
    target: Path
    number: int
    """Number of the request; of two requests for one target the later one counts."""

    @property
    def place(self) -> str:
        """The target with links followed: one file may have several names."""
        return os.path.realpath(self.target)


class Saves:
    """Knows which file is being recorded and which copies of it were saved. Used from the window's thread only.

    A copy is made of the file that it was requested for, even if another session is shown, started or opened meanwhile.
    Copies are made in the order of the requests. A recording that was not complete when it was copied is copied once
    more when it has ended, unless a later request has put another file in that place.
    """

    def __init__(self, start: Start, saved: Callable[[Save], None], failed: Callable[[Failure], None]) -> None:
        self._start = start
        self._saved = saved
        self._failed = failed
        self._waiting: deque[Save] = deque()
        self._now: Save | None = None
        """The request that is being carried out."""
        self._recording = ""
        self._unfinished: list[Save] = []
        """Requests whose copies were made of the recording that still goes on."""
        self._made: dict[str, int] = {}
        """By target: the number of the request whose copy is there."""
        self._count = 0

    def recording_began(self, path: str) -> None:
        """From now on this file ("": none) is being recorded."""
        self._recording = path

    def recording_ended(self, path: str) -> None:
        """This recording is complete: copy it again to where it was saved before."""
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
        """The files that are being copied or will be copied."""
        waiting = [save.source for save in (*self._waiting, *self._unfinished)]
        return waiting if self._now is None else [*waiting, self._now.source]

    def close(self) -> None:
        """The program ends, and with it the recording: copy it again to where it was saved before."""
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
            elif grows:  # the recording ended while it was copied
                self._waiting.append(save)
            self._saved(save)
            self._next()

        def otherwise(failure: Failure) -> None:
            self._now = None
            self._failed(failure)
            self._next()

        self._start(lambda: save_as(save.source, save.target), then, otherwise, save.target)
