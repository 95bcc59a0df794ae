"""A recorded session, open for as long as a command needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from engine.session.file import SessionFile, open_session
from engine.session.store import Session


@contextmanager
def opened(path: str) -> Iterator[Session]:
    """The Session of a file; raises SessionFileError where it cannot be opened."""
    session = open_session(path)
    try:
        yield session
    finally:
        if isinstance(session.source, SessionFile):
            session.source.close()
