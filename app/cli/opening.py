"""A recorded session, open for as long as a command needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from engine import leftovers
from engine.importing.open_any import is_trace, open_any
from engine.session.file import SessionFile, open_session
from engine.session.store import Session


@contextmanager
def opened(path: str) -> Iterator[Session]:
    """The Session of a session file, or of a profiler's trace, which is imported into a temporary file.

    Raises SessionFileError or TraceError where it cannot be opened.
    """
    with ExitStack() as ends:
        session = open_any(path, ends.enter_context(leftovers.folder()))[0] if is_trace(path) else open_session(path)
        if isinstance(session.source, SessionFile):
            ends.callback(session.source.close)
        yield session
