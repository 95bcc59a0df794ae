"""The Session of the run that goes on, and the file it is kept in."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.client.changes import Change, EditFailed, FileClosed, FileFailed, KeptElsewhere
from engine.session import schema
from engine.session.details import DetailSource
from engine.session.edits import Edit, edit_file
from engine.session.store import Session


class FileWriter(Protocol):
    """A session file that is being written (`engine.session.writer.SessionWriter`)."""

    def append(self, events: list[schema.AnyEvent]) -> None: ...

    def tick(self) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Begun:
    """The file of a recording that begins."""

    path: Path
    writer: FileWriter
    refused: Exception | None = None
    """Why it is not in the folder of recordings; None if it is."""
    detail: DetailSource | None = None
    """From where the Session reads the detail that it does not keep in memory."""


BeginFile = Callable[[str], Begun | None]
"""Begins the file of a run with a model of this name; None where the run is kept in memory only. May raise."""


class LiveSession:
    """Gives every batch to the Session first and then to the file.

    An event that the Session cannot take never reaches the file, so the file stays readable. A file that cannot be
    written (a full disk) is given up, which is told once; the Session goes on in memory.
    """

    def __init__(self, begin_file: BeginFile, tell: Callable[[Change], None]) -> None:
        self._begin_file = begin_file
        self._tell = tell
        self._writer: FileWriter | None = None
        self._kept_elsewhere = False
        self.session: Session | None = None
        """The Session of the run that goes on, or of the last one."""
        self.path: Path | None = None
        """The file of `session`, also after the run or when the file can no longer be written."""
        self.is_open = False
        """Whether the run goes on."""

    def begin(self, model: str) -> Session:
        """Begin a new Session and its file; the ones before are ended."""
        self.end()
        session = Session()
        self.path = None
        try:
            begun = self._begin_file(model)
        except Exception as error:  # for any error: the run goes on in memory
            self._tell(FileFailed(error, never_begun=True))
        else:
            if begun is not None:
                self._writer, self.path, session.source = begun.writer, begun.path, begun.detail
                self._tell_where(begun)
        self.session, self.is_open = session, True
        return session

    def keep(self, events: list[schema.AnyEvent]) -> None:
        """Keep a batch; an empty one lets the file commit what is due. Raises the errors of `Session.apply`."""
        if self.session is None:
            return
        if events:
            self.session.apply(events)
        if self._writer is not None:
            try:
                self._writer.append(events) if events else self._writer.tick()
            except Exception as error:
                writer, self._writer = self._writer, None
                self._tell(FileFailed(error))
                with suppress(Exception):  # what could be written is in the file already
                    writer.close()

    def mark_fault(self, sentence: str) -> None:
        """Put a mark of kind `fault` at the end of the run that goes on."""
        if self.is_open and self.session is not None:
            with suppress(Exception):  # the Session itself may be what failed
                self.keep([schema.Mark(now_ns(self.session), "fault", sentence)])

    def end(self) -> None:
        """Close the file; calling it again does nothing."""
        was_open, self.is_open = self.is_open, False
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.close()
            except Exception as error:
                self._tell(FileFailed(error))
        if was_open and self.path is not None:
            self._tell(FileClosed(self.path))

    def take_ceilings(self, event: schema.CeilingsMeasured) -> None:
        """Give ceilings to a run that is over, and to its file, where model, device and precision are the same."""
        session = self.session
        if session is None or self.is_open or event.ceilings == session.meta.get("ceilings"):
            return
        if any(session.meta.get(name) != value for name, value in event.of.items()):
            return
        session.apply([event])
        if self.path is not None and self.path.is_file():
            try:
                edit_file(self.path, [schema.FactsSet({"ceilings": event.ceilings})])
            except Exception as error:  # the Session in memory has them already
                self._tell(FileFailed(error))

    def edit(self, session: Session, path: str, edit: Edit) -> None:
        """Carry out a person's change in a session of this client and in its file (""; none)."""
        if self.is_open and session is self.session:
            self.keep([edit])
            return
        session.apply([edit])
        if path:
            try:
                edit_file(path, [edit])
            except Exception as error:  # the Session in memory has it already
                self._tell(EditFailed(error))

    def _tell_where(self, begun: Begun) -> None:
        before, self._kept_elsewhere = self._kept_elsewhere, begun.refused is not None
        if begun.refused is not None and not before:
            self._tell(KeptElsewhere(begun.path.parent, begun.refused))


def now_ns(session: Session) -> int:
    """The present time on the session's clock, ns; never before the end of its last step."""
    elapsed = time.time_ns() - int(session.meta.get("epoch_ns", time.time_ns()))
    last = int(session.steps["end_ns"][-1]) if len(session.steps) else 0
    return max(elapsed, last)
